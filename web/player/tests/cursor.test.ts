/** The desktop's pointer on the page: what is taken of it, how large it is, who shows it, and when the game has it elsewhere. */

import { expect, test } from "vitest";
import { cursorSize, LED_AFTER_MS, Lead, overlayRect, whoDraws } from "../src/cursor";
import { parseFromSeat } from "../src/signal";

/** A PNG's first bytes, which tell its size; the rest is the browser's business. */
function png(width: number, height: number): string {
  const head = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52];
  const size = [width, height].flatMap((px) => [px >>> 24, (px >>> 16) & 255, (px >>> 8) & 255, px & 255]);
  return btoa(String.fromCharCode(...head, ...size, 8, 6, 0, 0, 0));
}

const SHAPE = { width_px: 24, height_px: 32, hot_x: 3, hot_y: 4, png: png(24, 32) };

function read(fields: object): unknown {
  return parseFromSeat(JSON.stringify({ type: "cursor", ...fields }));
}

test("a shape, its slot alone, and that there is none are taken", () => {
  expect(read({ drawn: "shape", slot: 63, shape: SHAPE })).toMatchObject({ slot: 63, shape: SHAPE });
  expect(read({ drawn: "shape", slot: 0, shape: null })).not.toBeNull();
  expect(read({ drawn: "nothing", slot: null, shape: null })).not.toBeNull();
  expect(read({ drawn: "picture" })).not.toBeNull();
  expect(parseFromSeat('{"type":"cursor_at","x":-3,"y":7}')).toEqual({ type: "cursor_at", x: -3, y: 7 });
});

test.each([
  ["a size beyond what browsers draw", { ...SHAPE, width_px: 129, png: png(129, 32) }],
  ["an image of another size than it says", { ...SHAPE, png: png(60_000, 60_000) }],
  ["no PNG", { ...SHAPE, png: btoa("<svg xmlns='http://www.w3.org/2000/svg'/>") }],
  ["no base64", { ...SHAPE, png: '"); background: url(x' }],
  ["too many bytes", { ...SHAPE, png: SHAPE.png + "A".repeat(60_000) }],
  ["a hot spot outside", { ...SHAPE, hot_x: 24 }],
  ["a broken size", { ...SHAPE, height_px: 1.5 }],
  ["no object", "AAAA"],
])("%s is dropped", (_, shape) => {
  expect(read({ drawn: "shape", slot: 1, shape })).toBeNull();
});

test.each([{ slot: 64 }, { slot: -1 }, { slot: "1" }, {}])("%j is no slot", (fields) => {
  expect(read({ drawn: "shape", ...fields })).toBeNull();
});

test("it is as large as the picture, its hot spot at the same pixel", () => {
  expect(cursorSize(SHAPE, 1, 1)).toEqual({ width: 24, height: 32, hotX: 3, hotY: 4, ratio: 1 });
  expect(cursorSize(SHAPE, 0.5, 1)).toEqual({ width: 12, height: 16, hotX: 1, hotY: 2, ratio: 1 });
  // Twice the page's pixels on a fine screen, in the image's own.
  expect(cursorSize(SHAPE, 1.5, 2)).toEqual({ width: 72, height: 96, hotX: 5, hotY: 6, ratio: 2 });
});

test("it is never larger than browsers draw: first coarser, then smaller", () => {
  const coarse = cursorSize(SHAPE, 3, 2);
  expect(coarse.height).toBe(128);
  expect(coarse.height / coarse.ratio).toBeCloseTo(96);
  const small = cursorSize(SHAPE, 10, 2);
  expect([small.height, small.ratio]).toEqual([128, 1]);
  expect(small.hotX).toBeLessThan(small.width);
});

test("an image over the picture has its hot spot at the told place", () => {
  const shown = { left: 110, top: 20, width: 640, height: 360 };
  const at = overlayRect(SHAPE, { x: 103, y: 204 }, shown, { width: 1280, height: 720 }, { x: 10, y: 20 });
  expect(at).toEqual({ left: 150, top: 100, width: 12, height: 16 });
});

const PLAYING = { drawn: "shape", isPlayer: true, isLocked: false, hand: "mouse", isLed: false } as const;

test.each([
  ["a mouse has the shape itself", {}, true, false],
  ["one that is elsewhere finds it, and the game's place is seen", { hand: "away" }, true, true],
  ["a finger has no pointer", { hand: "other" }, false, true],
  ["a locked mouse has none", { isLocked: true }, false, true],
  ["the game has put it elsewhere", { isLed: true }, false, true],
  ["a watcher's own mouse is another's", { isPlayer: false }, false, true],
  ["a game that hides it hides it from all", { drawn: "nothing", isPlayer: false }, false, false],
  ["the picture holds it", { drawn: "picture" }, false, false],
] as const)("%s", (_, facts, isOwn, isOverlay) => {
  expect(whoDraws({ ...PLAYING, ...facts })).toEqual({ isOwn, isOverlay });
});

test("a game leads when its pointer is elsewhere some time after the mouse came to rest", () => {
  const lead = new Lead();
  lead.toldOf({ x: 500, y: 500 });
  expect(lead.isLed(0)).toBe(false);
  lead.moved({ x: 100, y: 100 }, 1000);
  expect(lead.isLed(1000 + LED_AFTER_MS - 1)).toBe(false);
  expect(lead.isLed(1000 + LED_AFTER_MS)).toBe(true);
  lead.moved({ x: 101, y: 100 }, 2000);
  expect(lead.isLed(2001)).toBe(false);
  lead.toldOf({ x: 103, y: 102 });
  expect(lead.isLed(9000)).toBe(false);
  lead.toldOf({ x: 400, y: 102 });
  lead.clear();
  expect(lead.isLed(9000)).toBe(false);
});
