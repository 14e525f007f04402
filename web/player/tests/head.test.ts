/** Looking around: which angles a device's readings are, and what is told to whom. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HeadCapture, type HeadState } from "../src/head_capture";
import { HeadPose, type Reading } from "../src/head_pose";
import { OPS } from "../src/input.gen";

function reading(alpha: number | null, beta: number | null, gamma: number | null): Reading {
  return { alpha, beta, gamma };
}

function poses(screenDegrees: number, ...readings: Reading[]): number[][] {
  const head = new HeadPose();
  return readings.map((one) => {
    const pose = head.pose(one, screenDegrees);
    return pose === null ? [] : [pose.yaw, pose.pitch, pose.roll].map((angle) => Math.round(angle * 1000) / 1000 + 0);
  });
}

test("a device held upright turns, looks up and tilts by its own angles", () => {
  const ahead = reading(0, 90, 0);
  expect(poses(0, ahead, reading(350, 90, 0))[1]).toEqual([10, 0, 0]); // alpha grows to the left
  expect(poses(0, ahead, reading(0, 100, 0))[1]).toEqual([0, 10, 0]);
  expect(poses(0, ahead, reading(0, 75, 0))[1]).toEqual([0, -15, 0]);
  expect(poses(0, reading(0, 90, 0), reading(90, 90, 0))).toEqual([
    [0, 0, 0],
    [-90, 0, 0],
  ]);
});

test("held across, what the screen shows is what counts", () => {
  // On its left side, upright: gamma looks up and down, alpha still turns.
  const [first, up, right] = poses(90, reading(0, 0, -90), reading(0, 0, -100), reading(340, 0, -90));
  expect(first).toEqual([0, 0, 0]);
  expect(up).toEqual([0, 10, 0]);
  expect(right).toEqual([20, 0, 0]);
});

test("who turns with a tablet leant back only turns", () => {
  const [, turned] = poses(0, reading(20, 40, 0), reading(350, 40, 0));
  expect(turned).toEqual([30, 0, 0]);
});

test("flat on a table, where headings end, ahead is still ahead", () => {
  for (const pose of poses(0, reading(123, 0, 0), reading(123, 0, 0))) expect(pose).toEqual([0, 0, 0]);
  const [, tilted] = poses(0, reading(0, 0, 0), reading(0, 20, 0));
  expect(tilted).toEqual([0, 20, 0]);
});

test("a reading that is none is none, and changes nothing", () => {
  const head = new HeadPose();
  for (const wrong of [
    reading(null, null, null),
    reading(0, null, 0),
    reading(Number.NaN, 0, 0),
    reading(0, Number.POSITIVE_INFINITY, 0),
  ]) {
    expect(head.pose(wrong, 0)).toBeNull();
  }
  expect(head.pose(reading(0, 90, 0), Number.NaN)).toBeNull();
  expect(head.pose(reading(77, 90, 0), 0)?.yaw).toBeCloseTo(0);
  for (const wild of [reading(1e300, -1e300, 1e300), reading(-720, 4000, 12)]) {
    const pose = head.pose(wild, 0);
    expect(Math.abs(pose?.yaw ?? 999)).toBeLessThanOrEqual(180);
    expect(Math.abs(pose?.pitch ?? 999)).toBeLessThanOrEqual(90);
    expect(Math.abs(pose?.roll ?? 999)).toBeLessThanOrEqual(180);
  }
});

class Page {
  sent: number[][] = [];
  states: HeadState[] = [];
  notices: string[] = [];
  isEnabled = true;
  readonly capture = new HeadCapture({
    send: (bytes) => {
      const view = new DataView(bytes.buffer);
      expect(view.getUint8(0)).toBe(OPS.look.op);
      this.sent.push([8, 10, 12].map((at) => view.getInt16(at, true)));
    },
    stamp: () => ({ seq: 0, clientTimeMs: 0 }),
    isEnabled: () => this.isEnabled,
    onState: (state) => this.states.push(state),
    onNotice: (message) => this.notices.push(message),
  });
}

function move(alpha: number | null, beta = 90, gamma = 0): void {
  window.dispatchEvent(Object.assign(new Event("deviceorientation"), { alpha, beta, gamma }));
}

let target: EventTarget;

beforeEach(() => {
  vi.useFakeTimers();
  target = new EventTarget();
  vi.stubGlobal("window", target);
  vi.stubGlobal("screen", { orientation: { angle: 0 } });
  vi.stubGlobal("DeviceOrientationEvent", class {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the sensors are there once they say something, and only a game that wants them hears them", async () => {
  const page = new Page();
  move(0);
  page.capture.toggle();
  expect(page.states).toEqual([]);
  page.capture.want(true);
  move(null);
  expect(page.states).toEqual([]);
  move(10);
  expect(page.states).toEqual(["off"]);
  move(20);
  expect(page.sent).toEqual([]);
  page.capture.toggle();
  await vi.advanceTimersByTimeAsync(0);
  expect(page.sent).toEqual([[0, 0, 0]]); // before any reading
  move(20);
  move(10);
  move(350);
  await vi.advanceTimersByTimeAsync(20);
  expect(page.sent.slice(1)).toEqual([[3000, 0, 0]]);
  page.capture.recentre();
  await vi.advanceTimersByTimeAsync(20);
  expect(page.sent.at(-1)).toEqual([0, 0, 0]);
  move(345);
  await vi.advanceTimersByTimeAsync(2050);
  expect(page.sent.slice(-3)).toEqual([
    [500, 0, 0],
    [500, 0, 0],
    [500, 0, 0],
  ]);
  page.capture.toggle();
  expect(page.sent.at(-1)).toEqual([0, 0, 0]);
  const said = page.sent.length;
  move(300);
  await vi.advanceTimersByTimeAsync(5000);
  expect(page.sent.length).toBe(said);
  expect(page.states).toEqual(["off", "on", "off"]);
});

test("who stops playing sends nothing, and has to ask again", async () => {
  const page = new Page();
  page.capture.want(true);
  move(0);
  page.capture.toggle();
  await vi.advanceTimersByTimeAsync(0);
  move(0);
  page.isEnabled = false;
  move(40);
  await vi.advanceTimersByTimeAsync(20);
  page.capture.want(false);
  expect(page.sent).toEqual([[0, 0, 0]]);
  expect(page.states).toEqual(["off", "on", "absent"]);
});

test.each([
  ["granted", "on", 0],
  ["denied", "off", 1],
])("where the person has to be asked and says %s", async (answer, state, notices) => {
  vi.stubGlobal("DeviceOrientationEvent", { requestPermission: async () => answer });
  vi.stubGlobal("navigator", { maxTouchPoints: 5 });
  const page = new Page();
  page.capture.want(true);
  expect(page.states).toEqual(["off"]);
  page.capture.toggle();
  await vi.advanceTimersByTimeAsync(0);
  expect(page.capture.state).toBe(state);
  expect(page.notices.length).toBe(notices);
});

test("a touch screen without sensors says so once it was asked", async () => {
  vi.stubGlobal("DeviceOrientationEvent", { requestPermission: async () => "granted" });
  const desktop = new Page();
  vi.stubGlobal("navigator", { maxTouchPoints: 0 });
  desktop.capture.want(true);
  expect(desktop.states).toEqual([]); // where it can be told before
  vi.stubGlobal("navigator", { maxTouchPoints: 5 });
  const page = new Page();
  page.capture.want(true);
  page.capture.toggle();
  await vi.advanceTimersByTimeAsync(0);
  move(null);
  expect(page.states).toEqual(["off", "on", "absent"]);
  expect(page.notices.length).toBe(1);
  const said = page.sent.length;
  await vi.advanceTimersByTimeAsync(3000);
  expect(page.sent.length).toBe(said);
});
