/** Gamepads: what is read, what is worth sending, and what a page with several of them does. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MOST_PADS, OPS } from "../src/input.gen";
import { PadCapture, type PadView } from "../src/pad_capture";
import { isSame, PadTeller, padName, padState, REST } from "../src/pads";
import { TouchPad } from "../src/touch_pad";

function reading(pressed: number[] = [], axes: number[] = [0, 0, 0, 0], values: Record<number, number> = {}) {
  const buttons = Array.from({ length: 17 }, (_, bit) => ({
    pressed: pressed.includes(bit),
    value: values[bit] ?? Number(pressed.includes(bit)),
  }));
  return { buttons, axes };
}

test("a standard gamepad becomes bits, 16-bit sticks and 8-bit triggers", () => {
  const state = padState(reading([0, 12, 16], [-1, 1, 0.5, -0.5], { 6: 0.5, 7: 1 }));
  expect(state).toEqual({
    buttons: 1 | (1 << 12) | (1 << 16),
    leftX: -32768,
    leftY: 32767,
    rightX: 16384,
    rightY: -16384,
    leftTrigger: 128,
    rightTrigger: 255,
  });
});

test("what no gamepad can mean stays in its bounds", () => {
  const state = padState({ buttons: [], axes: [Number.NaN, 9, -9] });
  expect(state).toEqual({ ...REST, leftY: 32767, rightX: -32768 });
  expect(padState(reading([6], [], { 6: Number.POSITIVE_INFINITY })).leftTrigger).toBe(255);
});

test("only news is told, and what is held is told again", () => {
  const teller = new PadTeller();
  const held = padState(reading([0]));
  expect(teller.tell(REST, 0)).toEqual(REST); // so that the game sees it
  expect(teller.tell(REST, 5000)).toBeNull();
  expect(teller.tell(held, 5016)).toEqual(held);
  expect(teller.tell(held, 5999)).toBeNull();
  expect(teller.tell(held, 6016)).toEqual(held);
  teller.forget();
  expect(teller.tell(held, 6017)).toEqual(held);
  expect(isSame(held, REST)).toBe(false);
});

test.each([
  ["Xbox Wireless Controller (STANDARD GAMEPAD Vendor: 045e Product: 0b12)", "Xbox Wireless Controller"],
  ["Xbox 360 Controller (XInput STANDARD GAMEPAD)", "Xbox 360 Controller"],
  ["045e-028e-Microsoft X-Box 360 pad", "Microsoft X-Box 360 pad"],
  ["Wireless Controller (Extended)", "Wireless Controller (Extended)"],
  ["", "Gamepad"],
])("the name in %s", (id, name) => {
  expect(padName(id)).toBe(name);
});

interface FakePad {
  id: string;
  index: number;
  connected: boolean;
  mapping: string;
  buttons: { pressed: boolean; value: number }[];
  axes: number[];
  vibrationActuator: { playEffect: ReturnType<typeof vi.fn>; reset: ReturnType<typeof vi.fn> };
}

let pads: (FakePad | null)[] = [];
let refresh: (() => void) | null = null;
let hasFocus = true;

function plug(index: number, pressed: number[] = []): FakePad {
  const motor = { playEffect: vi.fn(async () => "complete"), reset: vi.fn(async () => "complete") };
  const pad = { id: `Pad ${index}`, index, connected: true, mapping: "standard", vibrationActuator: motor };
  pads[index] = { ...pad, ...reading(pressed) };
  return pads[index];
}

beforeEach(() => {
  pads = [null, null, null, null, null, null];
  hasFocus = true;
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hasFocus: () => hasFocus, hidden: false }));
  vi.stubGlobal("navigator", { getGamepads: () => pads });
  vi.stubGlobal("requestAnimationFrame", (look: () => void) => {
    refresh = look;
    return 1;
  });
  vi.stubGlobal("cancelAnimationFrame", () => {
    refresh = null;
  });
});

afterEach(() => vi.unstubAllGlobals());

function capture() {
  const sent: number[][] = [];
  const told: { views: PadView[]; notices: string[] } = { views: [], notices: [] };
  const state = { isEnabled: true };
  const made = new PadCapture({
    send: (bytes) => sent.push([...bytes]),
    stamp: () => ({ seq: 0, clientTimeMs: 0 }),
    isEnabled: () => state.isEnabled,
    onPads: (views) => {
      told.views = views;
    },
    onNotice: (message) => told.notices.push(message),
  });
  const take = (): number[][] => sent.splice(0).map((bytes) => [bytes[0] as number, ...bytes.slice(8, 11)]);
  return { made, take, told, state };
}

test("gamepads get numbers, are read while there are any, and are said to be gone", () => {
  const { take, told } = capture();
  expect(refresh).toBeNull();
  const pad = plug(5);
  plug(1);
  window.dispatchEvent(new Event("gamepadconnected"));
  expect(told.views.map((view) => [view.number, view.name])).toEqual([
    [1, "Pad 1"],
    [2, "Pad 5"],
  ]);
  expect(take()).toEqual([
    [OPS.pad.op, 0, 0, 0],
    [OPS.pad.op, 1, 0, 0],
  ]);
  Object.assign(pad, reading([0]));
  refresh?.();
  refresh?.();
  expect(take()).toEqual([[OPS.pad.op, 1, 1, 0]]);
  pads[5] = null;
  refresh?.();
  expect(take()).toEqual([[OPS.pad_gone.op, 1]]);
  expect(told.notices).toEqual(["Gamepad 1: Pad 1", "Gamepad 2: Pad 5", "Gamepad 2 is unplugged"]);
});

test("no more than the seat takes are played with", () => {
  for (let index = 0; index <= MOST_PADS; index++) plug(index);
  expect(capture().told.views).toHaveLength(MOST_PADS);
});

test("a page without the focus, or that shows its test, lets everything go", () => {
  plug(0, [1]);
  const { made, take } = capture();
  expect(take()).toEqual([[OPS.pad.op, 0, 2, 0]]);
  hasFocus = false;
  window.dispatchEvent(new Event("blur"));
  expect(take()).toEqual([[OPS.pad.op, 0, 0, 0]]);
  hasFocus = true;
  window.dispatchEvent(new Event("focus"));
  expect(take()).toEqual([[OPS.pad.op, 0, 2, 0]]);
  made.isPaused = true;
  refresh?.();
  expect(take()).toEqual([[OPS.pad.op, 0, 0, 0]]);
  expect(made.stateOf(1).buttons).toBe(2);
});

test("who only watches sends nothing, and a new link is told how things stand", () => {
  plug(0, [1]);
  const { made, take, state } = capture();
  take();
  state.isEnabled = false;
  made.tellAgain();
  refresh?.();
  expect(take()).toEqual([]);
  state.isEnabled = true;
  refresh?.();
  expect(take()).toEqual([[OPS.pad.op, 0, 2, 0]]);
});

test("a gamepad drawn on the screen plays like another, and goes like one", () => {
  const { made, take, told } = capture();
  const drawn = new TouchPad();
  made.draw(drawn);
  expect(told.views.map((view) => view.name)).toEqual(["Touch screen"]);
  take();
  drawn.press("east", true);
  drawn.move(0, 3, -4); // as far as it goes
  refresh?.();
  expect(take()).toEqual([[OPS.pad.op, 0, 2, 0]]);
  expect(made.stateOf(1)).toMatchObject({ buttons: 2, leftX: 19660, leftY: -26214 });
  made.draw(null);
  expect(take()).toEqual([[OPS.pad_gone.op, 0]]);
});

test("rumble reaches the motors of its own gamepad, within what a browser takes", () => {
  plug(0);
  const pad = plug(3);
  const { made } = capture();
  made.rumble({ type: "rumble", pad: 1, strong: 7, weak: -1, duration_ms: 60_000 });
  expect(pad.vibrationActuator.playEffect).toHaveBeenCalledWith("dual-rumble", {
    duration: 5000,
    strongMagnitude: 1,
    weakMagnitude: 0,
  });
  made.rumble({ type: "rumble", pad: 1, strong: 0, weak: 0, duration_ms: 0 });
  expect(pad.vibrationActuator.reset).toHaveBeenCalledTimes(1);
  made.rumble({ type: "rumble", pad: 9, strong: 1, weak: 1, duration_ms: 9 });
});
