/**
 * Media over the signaling socket: the binary messages from the seat (`contracts/media.py` is the definition).
 *
 * Pure. A message that is too short, of an unknown kind, or with a box outside its picture throws `MediaFault`; nothing is
 * read past the message's end.
 */

export const PICTURE_HEADER_BYTES = 28;
export const SOUND_HEADER_BYTES = 16;
const KIND_PICTURE = 1;
const KIND_SOUND = 2;
const FLAG_KEYFRAME = 1;

/** A rectangle in pixels. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PictureMessage {
  kind: "picture";
  sequence: number;
  isKeyframe: boolean;
  /** The seat's monotonic clock. */
  capturedAtUs: number;
  widthPx: number;
  heightPx: number;
  /** What changed since the frame before. */
  box: Box;
  /** An access unit; of H.264 in Annex B. */
  data: Uint8Array<ArrayBuffer>;
}

export interface SoundMessage {
  kind: "sound";
  sequence: number;
  capturedAtUs: number;
  /** One Opus packet. */
  data: Uint8Array<ArrayBuffer>;
}

export class MediaFault extends Error {}

/** The message in `buffer`; its data is a view, not a copy. */
export function parseMedia(buffer: ArrayBuffer): PictureMessage | SoundMessage {
  if (buffer.byteLength < SOUND_HEADER_BYTES) throw new MediaFault(`A media message of ${buffer.byteLength} bytes`);
  const view = new DataView(buffer);
  const kind = view.getUint8(0);
  const sequence = view.getUint32(4, true);
  const capturedAtUs = Number(view.getBigUint64(8, true));
  if (kind === KIND_SOUND) {
    return { kind: "sound", sequence, capturedAtUs, data: rest(buffer, SOUND_HEADER_BYTES) };
  }
  if (kind !== KIND_PICTURE) throw new MediaFault(`There is no media kind ${kind}`);
  if (buffer.byteLength < PICTURE_HEADER_BYTES) throw new MediaFault(`A picture of ${buffer.byteLength} bytes`);
  const widthPx = view.getUint16(16, true);
  const heightPx = view.getUint16(18, true);
  const box = {
    x: view.getUint16(20, true),
    y: view.getUint16(22, true),
    width: view.getUint16(24, true),
    height: view.getUint16(26, true),
  };
  if (widthPx === 0 || heightPx === 0) throw new MediaFault("A picture without size");
  if (box.x + box.width > widthPx || box.y + box.height > heightPx) {
    throw new MediaFault("A picture whose changed box lies outside of it");
  }
  const isKeyframe = (view.getUint8(1) & FLAG_KEYFRAME) !== 0;
  const data = rest(buffer, PICTURE_HEADER_BYTES);
  return { kind: "picture", sequence, isKeyframe, capturedAtUs, widthPx, heightPx, box, data };
}

function rest(buffer: ArrayBuffer, offset: number): Uint8Array<ArrayBuffer> {
  if (buffer.byteLength === offset) throw new MediaFault("A media message without media");
  return new Uint8Array(buffer, offset);
}

/** The smallest box around both. */
export function union(a: Box, b: Box): Box {
  if (a.width === 0 || a.height === 0) return b;
  if (b.width === 0 || b.height === 0) return a;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

/** `box` grown to even edges (4:2:0 has one colour sample for two pixels each way) and cut to the picture. */
export function evenBox(box: Box, widthPx: number, heightPx: number): Box {
  const x = box.x & ~1;
  const y = box.y & ~1;
  const right = Math.min(widthPx, (box.x + box.width + 1) & ~1);
  const bottom = Math.min(heightPx, (box.y + box.height + 1) & ~1);
  return { x, y, width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
}

/** How far around a box its pixels have a say, when it is made larger. */
const REACH = 2;

/** A box of a small picture, with what it takes to make it larger, and its place in the larger picture. Even edges. */
export function scaledBox(
  box: Box,
  small: { width: number; height: number },
  large: { width: number; height: number },
): [Box, Box] {
  const x = Math.max(0, box.x - REACH) & ~1;
  const y = Math.max(0, box.y - REACH) & ~1;
  const right = Math.min(small.width, box.x + box.width + REACH);
  const bottom = Math.min(small.height, box.y + box.height + REACH);
  const from = evenBox({ x, y, width: right - x, height: bottom - y }, small.width, small.height);
  const [acrossX, acrossY] = [large.width / small.width, large.height / small.height];
  return [
    from,
    { x: from.x * acrossX, y: from.y * acrossY, width: from.width * acrossX, height: from.height * acrossY },
  ];
}
