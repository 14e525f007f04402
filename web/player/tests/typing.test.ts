/** Text as key strokes: what a phone writes, and how it rewrites it. */

import { expect, test } from "vitest";
import { KEY_CODES } from "../src/input.gen";
import { type Stroke, strokeOfKey, strokesBetween, strokesOf } from "../src/typing";

function names(strokes: Stroke[]): string[] {
  const codes = Object.fromEntries(Object.entries(KEY_CODES).map(([code, number]) => [number, code]));
  return strokes.map(({ key, isShifted }) => (isShifted ? `Shift+${codes[key]}` : `${codes[key]}`));
}

test("letters, digits and signs are typed as on a PC", () => {
  expect(names(strokesOf("aZ 1!?"))).toEqual(["KeyA", "Shift+KeyZ", "Space", "Digit1", "Shift+Digit1", "Shift+Slash"]);
});

test("every character that such a keyboard has can be typed, each in its own way", () => {
  const characters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
  const strokes = characters.flatMap(strokesOf);
  expect(strokes).toHaveLength(95);
  expect(new Set(strokes.map((stroke) => `${stroke.key} ${stroke.isShifted}`)).size).toBe(95);
});

test("what it has not is left out, what phones embellish is made plain", () => {
  expect(strokesOf("é😀漢")).toEqual([]);
  expect(names(strokesOf("’—"))).toEqual(["Quote", "Minus"]);
});

test.each([
  ["  ", "  h", ["KeyH"]],
  ["  ", " ", ["Backspace"]],
  ["  helo", "  hello ", ["Backspace", "KeyL", "KeyO", "Space"]],
  ["  same", "  same", []],
  ["  a😀", "  a", ["Backspace"]],
])("from %j to %j", (before, after, expected) => {
  expect(names(strokesBetween(before, after))).toEqual(expected);
});

test("keys that write nothing are told by their name, and text is not", () => {
  expect(strokeOfKey("Enter")).toEqual({ key: KEY_CODES.Enter, isShifted: false });
  for (const key of ["a", "Backspace", "Unidentified", "Process"]) expect(strokeOfKey(key)).toBeNull();
});
