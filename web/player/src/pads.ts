/** What the Gamepad API says of a gamepad, as the seat takes it. Pure. */

import { PAD_BUTTONS } from "./input.gen";

/** All of a gamepad at one moment; sticks -32768 to 32767, right and down, triggers 0 to 255. */
export interface PadState {
  buttons: number;
  leftX: number;
  leftY: number;
  rightX: number;
  rightY: number;
  leftTrigger: number;
  rightTrigger: number;
}

export const REST: PadState = {
  buttons: 0,
  leftX: 0,
  leftY: 0,
  rightX: 0,
  rightY: 0,
  leftTrigger: 0,
  rightTrigger: 0,
};

/** The part of `Gamepad` that says how it stands. */
export interface PadReading {
  buttons: readonly { pressed: boolean; value: number }[];
  axes: readonly number[];
}

const LEFT_TRIGGER = PAD_BUTTONS.indexOf("left_trigger");
const RIGHT_TRIGGER = PAD_BUTTONS.indexOf("right_trigger");

/** -1 to 1 as a whole number of 16 bits; browsers give a little more at the ends, and what is no number stands still. */
function stick(value: number | undefined): number {
  if (!value || !Number.isFinite(value)) return 0;
  return Math.round(Math.min(1, Math.max(-1, value)) * (value < 0 ? 32768 : 32767));
}

function trigger(button: { pressed: boolean; value: number } | undefined): number {
  if (!button) return 0;
  const value = Number.isFinite(button.value) ? button.value : 0;
  return Math.round(Math.min(1, Math.max(0, value)) * 255) || (button.pressed ? 255 : 0);
}

export function padState(pad: PadReading): PadState {
  let buttons = 0;
  for (let bit = 0; bit < PAD_BUTTONS.length; bit++) {
    if (pad.buttons[bit]?.pressed) buttons |= 1 << bit;
  }
  return {
    buttons,
    leftX: stick(pad.axes[0]),
    leftY: stick(pad.axes[1]),
    rightX: stick(pad.axes[2]),
    rightY: stick(pad.axes[3]),
    leftTrigger: trigger(pad.buttons[LEFT_TRIGGER]),
    rightTrigger: trigger(pad.buttons[RIGHT_TRIGGER]),
  };
}

const FIELDS = Object.keys(REST) as (keyof PadState)[];

export function isSame(one: PadState, other: PadState): boolean {
  return FIELDS.every((field) => one[field] === other[field]);
}

/** A gamepad's name without what browsers add: "Xbox Wireless Controller (STANDARD GAMEPAD Vendor: …)", "045e-028e-…". */
export function padName(id: string): string {
  const name = id
    .replace(/^[0-9a-f]{1,4}-[0-9a-f]{1,4}-/i, "")
    .replace(/\s*\((?:[^()]*\b(?:GAMEPAD|Vendor:|XInput)\b[^()]*)\)\s*$/i, "")
    .trim();
  return name.slice(0, 60) || "Gamepad";
}

/** What is to be said of one gamepad, and when: only what is news, and what is held once a second again. */
export class PadTeller {
  private told: PadState | null = null;
  private toldAtMs = 0;

  /** The state to send now, if any. */
  tell(state: PadState, nowMs: number): PadState | null {
    const isNews = this.told === null || !isSame(state, this.told);
    const isHeld = !isSame(state, REST) && nowMs - this.toldAtMs >= AGAIN_MS;
    if (!isNews && !isHeld) return null;
    this.told = state;
    this.toldAtMs = nowMs;
    return state;
  }

  /** The seat may know something else: the next state is news. */
  forget(): void {
    this.told = null;
  }
}

const AGAIN_MS = 1000;
