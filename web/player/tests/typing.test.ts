/** Text as what is typed: what a phone writes and rewrites, what an input method composes, and what can't be typed. */

import { describe, expect, it, test } from "vitest";
import { KEY_CODES } from "../src/input.gen";
import {
  faultOf,
  fieldPlace,
  isTextKey,
  MOST_TYPED,
  strokeOfKey,
  type Typed,
  TypedField,
  typedAs,
} from "../src/typing";

const REST = "\u00a0\u00a0";
const CODES = Object.fromEntries(Object.entries(KEY_CODES).map(([code, number]) => [number, code]));

function names(typed: Typed[] | { fault: string }): string[] {
  if ("fault" in typed) return [typed.fault];
  return typed.map((one) => {
    if ("codePoint" in one) return String.fromCodePoint(one.codePoint);
    return one.isShifted ? `Shift+${CODES[one.key]}` : `${CODES[one.key]}`;
  });
}

test("letters, digits and signs are typed as on a PC", () => {
  const expected = ["KeyA", "Shift+KeyZ", "Space", "Digit1", "Shift+Digit1", "Shift+Slash"];
  expect(names(typedAs("aZ 1!?", true))).toEqual(expected);
});

test("every character that such a keyboard has is a stroke, each its own", () => {
  const characters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
  const strokes = characters.flatMap((character) => names(typedAs(character, true)));
  expect(new Set(strokes).size).toBe(95);
  for (const stroke of strokes) expect(stroke).toMatch(/[A-Z][a-z]+/);
});

test("what it has not goes as a character, what phones embellish is made plain", () => {
  expect(names(typedAs("é😀漢", true))).toEqual(["é", "😀", "漢"]);
  expect(names(typedAs("’—", true))).toEqual(["Quote", "Minus"]);
});

test("where keys have a layout of their own all text is characters, but for Enter and Tab", () => {
  expect(names(typedAs("zä\t日\n", false))).toEqual(["z", "ä", "Tab", "日", "Enter"]);
});

describe("a phone", () => {
  test.each([
    ["", "h", ["KeyH"]],
    ["ab", "a", ["Backspace"]],
    ["helo", "hello ", ["Backspace", "KeyL", "KeyO", "Space"]],
    ["same", "same", []],
    ["a😀", "a", ["Backspace"]],
  ])("from %j to %j", (before, after, expected) => {
    const field = new TypedField(REST, true);
    field.changed(REST + before, false);
    expect(names(field.changed(REST + after, false))).toEqual(expected);
  });

  it("erases below what was there", () => {
    expect(names(new TypedField(REST, true).changed(REST.slice(1), false))).toEqual(["Backspace"]);
  });

  it("shows a word in the game while it is composed", () => {
    const field = new TypedField(REST, true);
    expect(names(field.changed(`${REST}h`, true))).toEqual(["KeyH"]);
    expect(names(field.changed(`${REST}hi`, true))).toEqual(["KeyI"]);
    expect(names(field.changed(`${REST}hi`, false))).toEqual([]);
  });

  it("takes a reading back that becomes something else", () => {
    const field = new TypedField(REST, true);
    expect(names(field.changed(`${REST}n`, true))).toEqual(["KeyN"]);
    expect(names(field.changed(`${REST}に`, true))).toEqual(["Backspace"]);
    expect(names(field.changed(`${REST}日`, false))).toEqual(["日"]);
  });
});

describe("an input method", () => {
  it("types what it commits, once, and nothing of what it composes", () => {
    const field = new TypedField(REST, false);
    for (const composed of ["n", "に", "にほ", "日本"]) expect(field.changed(REST + composed, true)).toEqual([]);
    expect(names(field.changed(`${REST}日本`, false))).toEqual(["日", "本"]);
    expect(field.changed(`${REST}日本`, false)).toEqual([]);
    field.rested();
    expect(names(field.changed(`${REST}語`, false))).toEqual(["語"]);
  });

  it("types nothing when it gives up", () => {
    const field = new TypedField(REST, false);
    field.changed(`${REST}kan`, true);
    expect(field.changed(REST, false)).toEqual([]);
  });
});

describe("what can't be typed", () => {
  test.each(["a\u0000", "\u001b[2J", "\u007f", "\u0085", "x\ud800", "\udc00y", "\ufffe", "\u{1ffff}"])("%j", (text) => {
    expect(faultOf(text)).toContain("no character");
    expect(names(new TypedField(REST, false).changed(REST + text, false))[0]).toContain("no character");
  });

  test("is too much, and costs no time", () => {
    expect(faultOf("漢".repeat(MOST_TYPED))).toBeNull();
    expect(faultOf("漢".repeat(MOST_TYPED + 1))).toContain("Paste it");
    expect(faultOf("x".repeat(10_000_000))).toContain("Paste it");
  });

  test("is not what people write", () => {
    for (const text of ["ä€😀", "👩‍👩‍👧", "日本語", "한글", "क्षि", "שָׁלוֹם", "a\tb\n"]) expect(faultOf(text)).toBeNull();
  });
});

test("keys that write nothing are told by their name, and text is not", () => {
  expect(strokeOfKey("Enter")).toEqual({ key: KEY_CODES.Enter, isShifted: false });
  for (const key of ["a", "Backspace", "Unidentified", "Process"]) expect(strokeOfKey(key)).toBeNull();
});

test.each([
  ["a key", { code: "KeyW", keyCode: 87, isComposing: false }, false],
  ["a key that an input method takes", { code: "KeyW", keyCode: 229, isComposing: false }, true],
  ["Enter that ends a composition", { code: "Enter", keyCode: 229, isComposing: false }, true],
  ["Enter within one", { code: "Enter", keyCode: 13, isComposing: true }, true],
  ["a key of an on-screen keyboard", { code: "", keyCode: 65, isComposing: false }, true],
  ["a name of objects", { code: "constructor", keyCode: 65, isComposing: false }, true],
])("%s: text is %j %j", (_, key, expected) => {
  expect(isTextKey(key)).toBe(expected);
});

test("what is composed stands by the hand, and within the picture", () => {
  const host = { width: 1000, height: 600 };
  expect(fieldPlace({ x: 100, y: 100 }, host)).toEqual({ left: 100, top: 118 });
  for (const hand of [null, { x: 999, y: 599 }, { x: -5, y: -5 }, { x: 5000, y: 5000 }]) {
    const { left, top } = fieldPlace(hand, host);
    expect(left >= 0 && left <= 760 && top >= 0 && top <= 568).toBe(true);
  }
});
