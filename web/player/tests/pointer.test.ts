/** Where a click lands, what a wheel means, what fingers do, and what waits while the network is slow. */

import { expect, test } from "vitest";
import { hasLargePixels, letterbox, toPicture } from "../src/letterbox";
import { MotionGate } from "../src/motion";
import { buttonNumber, WholeSteps, wheelTurn } from "../src/pointing";
import { type TouchAct, TouchGesture } from "../src/touch";

test("a wide picture in a tall box lies between bars above and below", () => {
  const shown = letterbox({ left: 10, top: 20, width: 400, height: 800 }, { width: 1280, height: 720 });
  expect(shown).toEqual({ left: 10, top: 20 + (800 - 225) / 2, width: 400, height: 225 });
});

test("a narrow picture in a wide box lies between bars left and right", () => {
  const shown = letterbox({ left: 0, top: 0, width: 1600, height: 600 }, { width: 800, height: 600 });
  expect(shown).toEqual({ left: 400, top: 0, width: 800, height: 600 });
});

test("corners and the middle of the picture, and the bars beside it", () => {
  const shown = letterbox({ left: 0, top: 0, width: 1600, height: 600 }, { width: 800, height: 600 });
  expect(toPicture(shown, 400, 0)).toEqual({ x: 0, y: 0 });
  expect(toPicture(shown, 1200, 600)).toEqual({ x: 65_535, y: 65_535 });
  expect(toPicture(shown, 800, 300)).toEqual({ x: 32_768, y: 32_768 });
  expect(toPicture(shown, 3, -50)).toEqual({ x: 0, y: 0 });
  expect(toPicture(shown, 1599, 700)).toEqual({ x: 65_535, y: 65_535 });
});

test.each([
  ["an old game in a large window", { width: 640, height: 480 }, 960, 1, true],
  ["an old game nearly in its own size", { width: 640, height: 480 }, 800, 1, false],
  ["a phone's screen has three pixels where the page has one", { width: 640, height: 480 }, 400, 3, true],
  ["a game of today", { width: 1280, height: 720 }, 2560, 1, false],
])("pixels stay squares: %s", (_, picture, width, deviceRatio, isSharp) => {
  expect(hasLargePixels(picture, { width, height: 1 }, deviceRatio)).toBe(isSharp);
});

test("nowhere when there is no picture", () => {
  const shown = letterbox({ left: 0, top: 0, width: 0, height: 600 }, { width: 800, height: 600 });
  expect(toPicture(shown, 1, 1)).toBeNull();
});

test("buttons are X11's", () => {
  expect([0, 1, 2, 3, 4, 5].map(buttonNumber)).toEqual([1, 2, 3, 8, 9, null]);
});

test.each([
  ["a notch in Chromium", { deltaX: 0, deltaY: 100, deltaMode: 0, wheelDeltaY: -120 }, { dx: 0, dy: 120 }],
  ["a notch with another step", { deltaX: 0, deltaY: -53, deltaMode: 0, wheelDeltaY: 120 }, { dx: 0, dy: -120 }],
  ["a notch in Firefox", { deltaX: 0, deltaY: 3, deltaMode: 1 }, { dx: 0, dy: 120 }],
  ["a page", { deltaX: 0, deltaY: -1, deltaMode: 2 }, { dx: 0, dy: -120 }],
  [
    "a touchpad's pixels",
    { deltaX: 5, deltaY: 10, deltaMode: 0, wheelDeltaX: -15, wheelDeltaY: -30 },
    { dx: 6, dy: 12 },
  ],
])("%s", (_, event, units) => {
  expect(wheelTurn(event)).toEqual(units);
});

test("small steps add up to whole ones", () => {
  const steps = new WholeSteps();
  const sent = Array.from({ length: 12 }, () => steps.add(0.25, -0.25)).filter((step) => step !== null);
  expect(sent.reduce((sum, step) => sum + step.dx, 0)).toBe(3);
  expect(sent.reduce((sum, step) => sum + step.dy, 0)).toBe(-3);
});

const CLICK = (button: number): TouchAct[] => [
  { type: "press", button },
  { type: "release", button },
];

test("a tap is a click where the finger was", () => {
  const touch = new TouchGesture();
  expect(touch.down(1, 50, 60, 0)).toEqual([{ type: "move", x: 50, y: 60 }]);
  expect(touch.move(1, 53, 61)).toEqual([]);
  expect(touch.up(1, 90)).toEqual(CLICK(1));
});

test("a finger that moves drags", () => {
  const touch = new TouchGesture();
  touch.down(1, 0, 0, 0);
  expect(touch.move(1, 20, 0)).toEqual([
    { type: "press", button: 1 },
    { type: "move", x: 20, y: 0 },
  ]);
  expect(touch.move(1, 30, 5)).toEqual([{ type: "move", x: 30, y: 5 }]);
  expect(touch.up(1, 500)).toEqual([{ type: "release", button: 1 }]);
});

test("a finger that rests holds the button", () => {
  const touch = new TouchGesture();
  touch.down(1, 0, 0, 0);
  expect(touch.hold(100)).toEqual([]);
  expect(touch.hold(305)).toEqual([{ type: "press", button: 1 }]);
  expect(touch.up(1, 2000)).toEqual([{ type: "release", button: 1 }]);
});

test("two fingers tap for the right button", () => {
  const touch = new TouchGesture();
  touch.down(1, 0, 0, 0);
  touch.down(2, 60, 0, 40);
  expect([...touch.up(2, 120), ...touch.up(1, 130)]).toEqual(CLICK(3));
});

test("two fingers moving up turn the wheel down, once for both", () => {
  const touch = new TouchGesture();
  touch.down(1, 0, 200, 0);
  touch.down(2, 60, 200, 10);
  const acts = [...touch.move(1, 0, 160), ...touch.move(2, 60, 160)];
  expect(acts.reduce((sum, act) => sum + (act.type === "wheel" ? act.dy : 0), 0)).toBe(120);
  expect([...touch.up(1, 400), ...touch.up(2, 410)]).toEqual([]);
});

test("a cancelled drag lets go", () => {
  const touch = new TouchGesture();
  touch.down(1, 0, 0, 0);
  touch.move(1, 40, 0);
  expect(touch.cancel()).toEqual([{ type: "release", button: 1 }]);
  expect(touch.cancel()).toEqual([]);
});

test("while the channel is full only the latest place waits, and a click goes after it", () => {
  const gate = new MotionGate<string>();
  expect(gate.move(3, "a", 0)).toEqual(["a"]);
  expect(gate.move(3, "b", 900)).toEqual([]);
  expect(gate.move(3, "c", 900)).toEqual([]);
  expect(gate.pass("click")).toEqual(["c", "click"]);
  expect(gate.flush()).toEqual([]);
});
