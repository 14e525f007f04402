/** Has the browser draw the frame: the shortest way where a GPU holds both the frame and the canvas, and works everywhere. */

import type { Box } from "../media";
import type { Context2d, DrawingWay } from "./base";

export class DrawImage implements DrawingWay {
  readonly name = "draw_image";

  constructor(private readonly context: Context2d) {}

  draw(frame: VideoFrame, box: Box): Promise<void> {
    return this.drawScaled(frame, box, box);
  }

  async drawScaled(frame: VideoFrame, { x, y, width, height }: Box, place: Box): Promise<void> {
    this.context.drawImage(frame, x, y, width, height, place.x, place.y, place.width, place.height);
  }
}
