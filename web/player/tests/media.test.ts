/** Media messages: what the seat writes is read, and nothing else is. */

import { expect, test } from "vitest";
import { evenBox, MediaFault, PICTURE_HEADER_BYTES, parseMedia, SOUND_HEADER_BYTES, union } from "../src/media";
import { crop, meanColour } from "../src/pixels";

interface Parts {
  kind?: number;
  flags?: number;
  size?: [number, number];
  box?: [number, number, number, number];
  payload?: number;
}

function picture({ kind = 1, flags = 1, size = [1280, 720], box = [0, 0, 1280, 720], payload = 3 }: Parts = {}) {
  const buffer = new ArrayBuffer(PICTURE_HEADER_BYTES + payload);
  const view = new DataView(buffer);
  view.setUint8(0, kind);
  view.setUint8(1, flags);
  view.setUint32(4, 4_294_967_295, true);
  view.setBigUint64(8, 9_007_199_254_740_991n, true);
  [...size, ...box].forEach((value, at) => {
    view.setUint16(16 + at * 2, value, true);
  });
  return buffer;
}

test("a picture's header and its access unit", () => {
  const message = parseMedia(picture({ box: [2, 4, 6, 8] }));
  expect(message).toMatchObject({
    kind: "picture",
    sequence: 4_294_967_295,
    isKeyframe: true,
    capturedAtUs: 9_007_199_254_740_991,
    widthPx: 1280,
    heightPx: 720,
    box: { x: 2, y: 4, width: 6, height: 8 },
  });
  expect(message.data.byteLength).toBe(3);
});

test("a sound packet", () => {
  const buffer = new ArrayBuffer(SOUND_HEADER_BYTES + 2);
  new DataView(buffer).setUint8(0, 2);
  expect(parseMedia(buffer)).toMatchObject({ kind: "sound", sequence: 0 });
});

test.each([
  ["nothing", new ArrayBuffer(0)],
  ["half a header", new ArrayBuffer(SOUND_HEADER_BYTES - 1)],
  ["a picture with a sound's header", picture().slice(0, PICTURE_HEADER_BYTES - 1)],
  ["a picture without media", picture({ payload: 0 })],
  ["an unknown kind", picture({ kind: 3 })],
  ["a picture without size", picture({ size: [0, 720], box: [0, 0, 0, 0] })],
  ["a box over the right edge", picture({ box: [1279, 0, 2, 1] })],
  ["a box over the lower edge", picture({ box: [0, 65_535, 1, 65_535] })],
])("%s is refused", (_, buffer) => {
  expect(() => parseMedia(buffer)).toThrow(MediaFault);
});

test("every length from nothing to a whole message is either read or refused", () => {
  const whole = picture();
  for (let length = 0; length <= whole.byteLength; length++) {
    const read = (): unknown => parseMedia(whole.slice(0, length));
    if (length > PICTURE_HEADER_BYTES) expect(read).not.toThrow();
    else expect(read).toThrow(MediaFault);
  }
});

test("boxes are joined, and an empty one adds nothing", () => {
  const a = { x: 10, y: 10, width: 10, height: 10 };
  expect(union(a, { x: 0, y: 15, width: 5, height: 20 })).toEqual({ x: 0, y: 10, width: 20, height: 25 });
  expect(union(a, { x: 0, y: 0, width: 0, height: 0 })).toEqual(a);
});

test("boxes are grown to even edges inside the picture", () => {
  expect(evenBox({ x: 3, y: 5, width: 1, height: 1 }, 100, 100)).toEqual({ x: 2, y: 4, width: 2, height: 2 });
  expect(evenBox({ x: 97, y: 99, width: 2, height: 1 }, 99, 100)).toEqual({ x: 96, y: 98, width: 3, height: 2 });
});

test("a box is cut out of pixels, and its mean colour is that of the box alone", () => {
  const whole = { x: 10, y: 20, width: 4, height: 3 };
  const pixels = new Uint8ClampedArray(4 * 3 * 4).map((_, at) => Math.floor(at / 4));
  const cut = crop(pixels, whole, { x: 12, y: 21, width: 2, height: 2 });
  expect([...cut].filter((_, at) => at % 4 === 0)).toEqual([6, 7, 10, 11]);
  expect(meanColour(cut)).toEqual([8.5, 8.5, 8.5]);
  expect(meanColour(null)).toEqual([0, 0, 0]);
});
