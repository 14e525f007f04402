/** Pixels out of a frame, and colours out of pixels: what the diagnostics read. RGBA bytes, row after row. */

import { type Box, evenBox, union } from "./media";

export type Pixels = Uint8ClampedArray<ArrayBuffer>;
export type Colour = [number, number, number];

/** `box` out of pixels that cover `whole`, which contains it. Pure. */
export function crop(pixels: Pixels, whole: Box, box: Box): Pixels {
  const cut = new Uint8ClampedArray(box.width * box.height * 4);
  for (let row = 0; row < box.height; row++) {
    const start = ((box.y - whole.y + row) * whole.width + box.x - whole.x) * 4;
    cut.set(pixels.subarray(start, start + box.width * 4), row * box.width * 4);
  }
  return cut;
}

/** The mean colour of pixels; black for none. Pure. */
export function meanColour(pixels: Uint8ClampedArray | null): Colour {
  const sum: Colour = [0, 0, 0];
  if (!pixels || pixels.length === 0) return sum;
  for (let at = 0; at < pixels.length; at += 4) {
    sum[0] += pixels[at] ?? 0;
    sum[1] += pixels[at + 1] ?? 0;
    sum[2] += pixels[at + 2] ?? 0;
  }
  const count = pixels.length / 4;
  return [sum[0] / count, sum[1] / count, sum[2] / count];
}

/**
 * `box` of a frame that shows a desktop `widthPx` wide and may be a smaller picture of it; what of it lies outside of the frame is left
 * black. Converts in memory where the browser can: drawing costs ten times more.
 */
export async function framePixels(frame: VideoFrame, box: Box, widthPx = frame.displayWidth): Promise<Pixels> {
  const scale = frame.displayWidth / widthPx;
  const whole = evenBox(box, frame.displayWidth, frame.displayHeight);
  const isInside = box.x + box.width <= frame.displayWidth && box.y + box.height <= frame.displayHeight;
  if (isInside && scale === 1) {
    try {
      const pixels = new Uint8ClampedArray(whole.width * whole.height * 4);
      await frame.copyTo(pixels, { rect: whole, format: "RGBA" });
      return crop(pixels, whole, box);
    } catch {
      // This browser's copyTo does not convert: draw it instead.
    }
  }
  const context = new OffscreenCanvas(box.width, box.height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser gives no 2D canvas");
  const [x, y, width, height] = [box.x, box.y, box.width, box.height].map((edge) => edge * scale) as [
    number,
    number,
    number,
    number,
  ];
  context.drawImage(frame, x, y, width, height, 0, 0, box.width, box.height);
  return context.getImageData(0, 0, box.width, box.height).data;
}

/** The mean colours of several boxes of one frame, read at once. */
export async function frameColours(frame: VideoFrame, boxes: readonly Box[], widthPx: number): Promise<Colour[]> {
  const around = boxes.reduce((all, box) => union(all, box), { x: 0, y: 0, width: 0, height: 0 });
  if (around.width === 0 || around.height === 0) return [];
  const pixels = await framePixels(frame, around, widthPx);
  return boxes.map((box) => meanColour(crop(pixels, around, box)));
}
