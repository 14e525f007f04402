/** Where a picture lies in its box when it is shown whole, and which of its points a place on the page is. Pure. */

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  left: number;
  top: number;
}

/** The largest rectangle with the picture's proportions that lies centred in `box`. */
export function letterbox(box: Rect, picture: Size): Rect {
  if (box.width <= 0 || box.height <= 0 || picture.width <= 0 || picture.height <= 0) {
    return { left: box.left, top: box.top, width: 0, height: 0 };
  }
  const scale = Math.min(box.width / picture.width, box.height / picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return { left: box.left + (box.width - width) / 2, top: box.top + (box.height - height) / 2, width, height };
}

const OLD: Size = { width: 800, height: 600 };
const MAGNIFIED = 1.5;

/**
 * Whether an old game's picture is shown so large that its pixels can be told apart: they then stay squares, since smoothing would blur
 * them. `deviceRatio` is the screen's pixels to one of the page's.
 */
export function hasLargePixels(picture: Size, shown: Size, deviceRatio: number): boolean {
  const isOld = picture.width <= OLD.width && picture.height <= OLD.height;
  return isOld && shown.width * deviceRatio >= MAGNIFIED * picture.width;
}

/** The place on the picture, 0 to 65535 each way; places in the bars count as the nearest edge. */
export function toPicture(shown: Rect, x: number, y: number): { x: number; y: number } | null {
  if (shown.width <= 0 || shown.height <= 0) return null;
  const clamp = (ratio: number): number => Math.round(Math.min(1, Math.max(0, ratio)) * 65535);
  return { x: clamp((x - shown.left) / shown.width), y: clamp((y - shown.top) / shown.height) };
}
