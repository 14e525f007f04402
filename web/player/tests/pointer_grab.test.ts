/** When a click gives the mouse to the game, and when the game gives it back. */

import { expect, test } from "vitest";
import { PointerGrab } from "../src/pointer_grab";

test("a click is only a click until the game is known to have taken the pointer", () => {
  const grab = new PointerGrab();
  expect(grab.takesClick).toBe(false);
  grab.told(false);
  expect(grab.takesClick).toBe(false);
  grab.told(true);
  expect(grab.takesClick).toBe(true);
  grab.restarted();
  expect(grab.takesClick).toBe(false);
});

test("what a click took is given back when the game lets go of its pointer", () => {
  const grab = new PointerGrab();
  grab.told(true);
  grab.clicked();
  grab.changed(true);
  expect(grab.isToRelease).toBe(false);
  grab.told(false);
  expect(grab.isToRelease).toBe(true);
  grab.changed(false);
  expect(grab.isToRelease).toBe(false);
});

test("also when the game let go before the browser had locked it", () => {
  const grab = new PointerGrab();
  grab.told(true);
  grab.clicked();
  grab.told(false);
  grab.changed(true);
  expect(grab.isToRelease).toBe(true);
});

test("what the person gave stays given", () => {
  const grab = new PointerGrab();
  grab.told(true);
  grab.clicked(); // refused by the browser
  grab.chosen();
  grab.changed(true);
  grab.told(false);
  expect(grab.isToRelease).toBe(false);
});

test("after Esc the next click takes it again, and the way out is told once", () => {
  const grab = new PointerGrab();
  grab.told(true);
  grab.clicked();
  expect(grab.changed(true)).toBe(true);
  grab.changed(false);
  expect(grab.takesClick).toBe(true);
  grab.clicked();
  expect(grab.changed(true)).toBe(false);
});

test("a lock of the person's own needs no telling", () => {
  const grab = new PointerGrab();
  grab.chosen();
  expect(grab.changed(true)).toBe(false);
});
