/** How a decoded frame gets onto a canvas: one interface, several ways, since which is fast depends on whether there is a GPU. */

import type { Box } from "../media";

export type CanvasWayName = "copy_to" | "draw_image";
export type WayName = CanvasWayName | "track";

export interface DrawingWay {
  readonly name: CanvasWayName;
  /** Draws `box` of the frame (even edges, inside the picture), or more; the caller closes the frame afterwards. */
  draw(frame: VideoFrame, box: Box): Promise<void>;
  /** Draws `box` of the frame as large as `place`. */
  drawScaled(frame: VideoFrame, box: Box, place: Box): Promise<void>;
}

export type Context2d = OffscreenCanvasRenderingContext2D;

export function contextOf(canvas: OffscreenCanvas, way: CanvasWayName): Context2d {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: way === "copy_to" });
  if (!context) throw new Error("This browser gives a worker no 2D canvas");
  return context;
}
