/** Keys: what goes to the game, what stays the browser's, and that each press gets one release. */

import { describe, expect, it, test } from "vitest";
import { type Capture, HeldKeys, type KeyPress, onKeyDown } from "../src/keys";

function key(code: string, modifiers: Partial<KeyPress> = {}): KeyPress {
  return { code, ctrlKey: false, altKey: false, shiftKey: false, metaKey: false, repeat: false, ...modifiers };
}

test("a plain key goes to the game and not to the page", () => {
  expect(onKeyDown(key("Space"), "focus")).toEqual({ send: 57, isPrevented: true, shortcut: null });
});

test("who watches has the page's own shortcuts, and the browser has the rest", () => {
  expect(onKeyDown(key("KeyB", { ctrlKey: true, altKey: true }), "shortcuts").shortcut).toBe("bar");
  for (const code of ["Space", "Tab", "F5", "KeyA"]) {
    expect(onKeyDown(key(code), "shortcuts")).toEqual({ send: null, isPrevented: false, shortcut: null });
  }
});

test("without the focus nothing is touched", () => {
  for (const code of ["Space", "Tab", "F5", "KeyA"]) {
    expect(onKeyDown(key(code), "none")).toEqual({ send: null, isPrevented: false, shortcut: null });
  }
});

test.each([
  ["reload", key("KeyR", { ctrlKey: true })],
  ["close the tab", key("KeyW", { ctrlKey: true })],
  ["new tab", key("KeyT", { ctrlKey: true })],
  ["address", key("KeyL", { ctrlKey: true })],
  ["next tab", key("Tab", { ctrlKey: true })],
  ["zoom", key("Equal", { ctrlKey: true })],
  ["full screen", key("F11")],
  ["developer tools", key("KeyI", { ctrlKey: true, shiftKey: true })],
  ["back", key("ArrowLeft", { altKey: true })],
  ["the system's own", key("KeyQ", { metaKey: true })],
])("%s stays the browser's in a page, and is the game's when it has everything", (_, press) => {
  expect(onKeyDown(press, "focus")).toMatchObject({ send: null, isPrevented: false });
  expect(onKeyDown(press, "full").isPrevented).toBe(true);
});

test("a repeat is swallowed, not sent", () => {
  expect(onKeyDown(key("KeyA", { repeat: true }), "focus")).toEqual({ send: null, isPrevented: true, shortcut: null });
});

test.each<[string, string, Capture]>([
  ["Enter", "full_screen", "focus"],
  ["KeyM", "pointer_lock", "full"],
  ["KeyS", "stats", "focus"],
  ["KeyB", "bar", "full"],
  ["KeyI", "typing", "focus"],
])("Ctrl+Alt+%s is %s", (code, shortcut, capture) => {
  const press = key(code, { ctrlKey: true, altKey: true });
  expect(onKeyDown(press, capture)).toEqual({ send: null, isPrevented: true, shortcut });
});

test("a key that nobody knows is left alone", () => {
  for (const code of ["", "LaunchMail", "constructor", "__proto__"]) {
    expect(onKeyDown(key(code), "full")).toEqual({ send: null, isPrevented: false, shortcut: null });
  }
});

test("each press has one release", () => {
  const held = new HeldKeys();
  expect([held.press("KeyA", 30), held.press("KeyA", 30)]).toEqual([true, false]);
  expect([held.release("KeyA"), held.release("KeyA")]).toEqual([30, null]);
  held.press("KeyW", 17);
  expect([held.clear(), held.clear(), held.release("KeyW")]).toEqual([true, false, null]);
});

describe("AltGr, which Windows tells as Ctrl and Alt", () => {
  const altGr = { ctrlKey: true, altKey: true, shiftKey: false, metaKey: false, repeat: false };
  it("writes, and is no shortcut", () => {
    const key = { ...altGr, code: "KeyM", getModifierState: (name: string) => name === "AltGraph" };
    expect(onKeyDown(key, "focus")).toEqual({ send: 50, isPrevented: true, shortcut: null });
    expect(onKeyDown({ ...altGr, code: "KeyM" }, "focus").shortcut).toBe("pointer_lock");
  });
  it("brings signs from keys that browsers keep with Ctrl", () => {
    const key = { ...altGr, code: "KeyL", getModifierState: () => true };
    expect(onKeyDown(key, "focus").send).toBe(38);
  });
});
