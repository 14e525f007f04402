/**
 * The desktop's pointer as the page draws it (`contracts/cursor.py` is the definition): what its messages may hold, how large it is on
 * the page, and who shows it. Pure; the clock is an argument.
 *
 * A mouse's own pointer takes the shape and never waits for the network. Where there is none to take it (who watches, who touches, a
 * locked mouse) or the game has put its pointer elsewhere, an image lies over the picture, at the place that the seat tells.
 */

import type { Rect, Size } from "./letterbox";

export const MOST_CURSOR_PX = 128;
export const CURSOR_SLOTS = 64;
const MOST_CHARS = 49_152;
const PNG_HEAD = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52];

export interface CursorShape {
  width_px: number;
  height_px: number;
  hot_x: number;
  hot_y: number;
  /** Base64. */
  png: string;
}

export interface CursorMessage {
  type: "cursor";
  drawn: "shape" | "nothing" | "picture";
  slot?: number | null;
  /** What is in `slot` from now on. */
  shape?: CursorShape | null;
}

export interface Place {
  x: number;
  y: number;
}

/** Whether a message of the type `cursor` is whole, and its image what it says. */
export function isCursor(message: Record<string, unknown>): boolean {
  const { drawn, slot = null, shape = null } = message;
  if (drawn === "nothing" || drawn === "picture") return slot === null && shape === null;
  return drawn === "shape" && isWhole(slot, 0, CURSOR_SLOTS - 1) && (shape === null || isShape(shape));
}

function isShape(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { width_px: width, height_px: height, hot_x, hot_y, png } = value as Record<string, unknown>;
  if (!isWhole(width, 1, MOST_CURSOR_PX) || !isWhole(height, 1, MOST_CURSOR_PX)) return false;
  if (!isWhole(hot_x, 0, (width as number) - 1) || !isWhole(hot_y, 0, (height as number) - 1)) return false;
  const bytes = typeof png === "string" && png.length <= MOST_CHARS ? bytesOf(png) : null;
  // No decoder sees an image that is larger than it was said to be.
  const size = bytes && pngSize(bytes);
  return size !== null && size.width === width && size.height === height;
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

function pngSize(bytes: Uint8Array<ArrayBuffer>): Size | null {
  if (bytes.length < 24 || PNG_HEAD.some((byte, at) => bytes[at] !== byte)) return null;
  const view = new DataView(bytes.buffer);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

export interface CursorSize extends Size {
  hotX: number;
  hotY: number;
  /** Of the image's own pixels to one of the page's. */
  ratio: number;
}

/**
 * A shape on a picture that is shown `scale` times as large as the desktop, in the page's pixels, as a whole number of the image's own.
 * Browsers draw no pointer beyond 128 pixels: a larger one becomes smaller, or coarser on a fine screen.
 */
export function cursorSize(shape: CursorShape, scale: number, deviceRatio: number): CursorSize {
  const longest = Math.max(shape.width_px, shape.height_px);
  const shown = Math.min(scale, MOST_CURSOR_PX / longest);
  const ratio = Math.max(1, Math.min(deviceRatio, MOST_CURSOR_PX / (longest * shown)));
  const whole = (px: number): number => Math.min(MOST_CURSOR_PX, Math.max(1, Math.round(px * shown * ratio)));
  const hot = (px: number): number => Math.floor((px + 0.5) * shown);
  return {
    width: whole(shape.width_px),
    height: whole(shape.height_px),
    hotX: hot(shape.hot_x),
    hotY: hot(shape.hot_y),
    ratio,
  };
}

/** Where an image over the picture lies, its hot spot at `place`: in the page's pixels from the corner of `host`. */
export function overlayRect(shape: CursorShape, place: Place, shown: Rect, picture: Size, host: Place): Rect {
  const scale = picture.width > 0 ? shown.width / picture.width : 0;
  return {
    left: shown.left - host.x + (place.x - shape.hot_x) * scale,
    top: shown.top - host.y + (place.y - shape.hot_y) * scale,
    width: shape.width_px * scale,
    height: shape.height_px * scale,
  };
}

/** What moves the pointer here: `away` while nothing does. */
export type Hand = "away" | "mouse" | "other";

export interface CursorFacts {
  drawn: CursorMessage["drawn"];
  isPlayer: boolean;
  isLocked: boolean;
  hand: Hand;
  /** The game has put it elsewhere than the mouse is. */
  isLed: boolean;
}

/** Whether the mouse's own pointer has the shape, and whether an image over the picture shows it. */
export function whoDraws(facts: CursorFacts): { isOwn: boolean; isOverlay: boolean } {
  if (facts.drawn !== "shape") return { isOwn: false, isOverlay: false };
  const isOwn = facts.isPlayer && !facts.isLocked && !facts.isLed && facts.hand !== "other";
  return { isOwn, isOverlay: !isOwn || facts.hand === "away" };
}

const NEAR_PX = 4;
export const LED_AFTER_MS = 500;

/** Whether a game puts its pointer elsewhere than the mouse is: told of another place, some time after the mouse came to rest. */
export class Lead {
  private own: Place | null = null;
  private movedAtMs = 0;
  private told: Place | null = null;

  moved(place: Place, nowMs: number): void {
    this.own = place;
    this.movedAtMs = nowMs;
  }

  toldOf(place: Place): void {
    this.told = place;
  }

  /** Nobody moves it here. */
  clear(): void {
    this.own = null;
  }

  isLed(nowMs: number): boolean {
    const { own, told } = this;
    if (!own || !told || nowMs - this.movedAtMs < LED_AFTER_MS) return false;
    return Math.hypot(own.x - told.x, own.y - told.y) > NEAR_PX;
  }
}
