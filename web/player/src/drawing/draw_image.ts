/** Has the browser draw the frame: the shortest way where a GPU holds both the frame and the canvas, and works everywhere. */

import type { Box } from "../media";
import type { Context2d, DrawingWay } from "./base";

export class DrawImage implements DrawingWay {
  readonly name = "draw_image";

  constructor(private readonly context: Context2d) {}

  async draw(frame: VideoFrame, box: Box): Promise<void> {
    const { x, y, width, height } = box;
    this.context.drawImage(frame, x, y, width, height, x, y, width, height);
  }
}
