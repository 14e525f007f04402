// Generated from input.toml by `python -m dillinger_contracts.codegen`; change that, not this.
/** The binary input protocol, browser → seat. Numbers that don't fit their field are clamped to it. */

export const INPUT_VERSION = 1;
export const HEADER_BYTES = 8;

export type Channel = "input" | "motion";

export const OPS = {
  key: { op: 1, channel: "input" },
  button: { op: 2, channel: "input" },
  move: { op: 3, channel: "motion" },
  move_by: { op: 4, channel: "input" },
  wheel: { op: 5, channel: "input" },
  release_all: { op: 6, channel: "input" },
  shown: { op: 7, channel: "motion" },
  pad: { op: 8, channel: "input" },
  pad_gone: { op: 9, channel: "input" },
  look: { op: 10, channel: "motion" },
  text: { op: 11, channel: "input" },
} as const satisfies Record<string, { op: number; channel: Channel }>;

/** `KeyboardEvent.code` → Linux evdev key number. */
export const KEY_CODES: Readonly<Record<string, number>> = {
  Escape: 1,
  Digit1: 2,
  Digit2: 3,
  Digit3: 4,
  Digit4: 5,
  Digit5: 6,
  Digit6: 7,
  Digit7: 8,
  Digit8: 9,
  Digit9: 10,
  Digit0: 11,
  Minus: 12,
  Equal: 13,
  Backspace: 14,
  Tab: 15,
  KeyQ: 16,
  KeyW: 17,
  KeyE: 18,
  KeyR: 19,
  KeyT: 20,
  KeyY: 21,
  KeyU: 22,
  KeyI: 23,
  KeyO: 24,
  KeyP: 25,
  BracketLeft: 26,
  BracketRight: 27,
  Enter: 28,
  ControlLeft: 29,
  KeyA: 30,
  KeyS: 31,
  KeyD: 32,
  KeyF: 33,
  KeyG: 34,
  KeyH: 35,
  KeyJ: 36,
  KeyK: 37,
  KeyL: 38,
  Semicolon: 39,
  Quote: 40,
  Backquote: 41,
  ShiftLeft: 42,
  Backslash: 43,
  KeyZ: 44,
  KeyX: 45,
  KeyC: 46,
  KeyV: 47,
  KeyB: 48,
  KeyN: 49,
  KeyM: 50,
  Comma: 51,
  Period: 52,
  Slash: 53,
  ShiftRight: 54,
  NumpadMultiply: 55,
  AltLeft: 56,
  Space: 57,
  CapsLock: 58,
  F1: 59,
  F2: 60,
  F3: 61,
  F4: 62,
  F5: 63,
  F6: 64,
  F7: 65,
  F8: 66,
  F9: 67,
  F10: 68,
  NumLock: 69,
  ScrollLock: 70,
  Numpad7: 71,
  Numpad8: 72,
  Numpad9: 73,
  NumpadSubtract: 74,
  Numpad4: 75,
  Numpad5: 76,
  Numpad6: 77,
  NumpadAdd: 78,
  Numpad1: 79,
  Numpad2: 80,
  Numpad3: 81,
  Numpad0: 82,
  NumpadDecimal: 83,
  IntlBackslash: 86,
  F11: 87,
  F12: 88,
  IntlRo: 89,
  Convert: 92,
  KanaMode: 93,
  NonConvert: 94,
  NumpadEnter: 96,
  ControlRight: 97,
  NumpadDivide: 98,
  PrintScreen: 99,
  AltRight: 100,
  Home: 102,
  ArrowUp: 103,
  PageUp: 104,
  ArrowLeft: 105,
  ArrowRight: 106,
  End: 107,
  ArrowDown: 108,
  PageDown: 109,
  Insert: 110,
  Delete: 111,
  NumpadEqual: 117,
  Pause: 119,
  NumpadComma: 121,
  Lang1: 122,
  Lang2: 123,
  IntlYen: 124,
  MetaLeft: 125,
  MetaRight: 126,
  ContextMenu: 127,
};

/** Gamepads of one browser, at most. */
export const MOST_PADS = 4;

/** Bit of a gamepad's `buttons`, and index in the Gamepad API's standard layout → its name. */
export const PAD_BUTTONS = [
  "south",
  "east",
  "west",
  "north",
  "left_shoulder",
  "right_shoulder",
  "left_trigger",
  "right_trigger",
  "select",
  "start",
  "left_stick",
  "right_stick",
  "up",
  "down",
  "left",
  "right",
  "home",
] as const;

/** What every message starts with: a wrapping number for each channel, and the sender's clock. */
export interface Stamp {
  seq: number;
  clientTimeMs: number;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Math.round(value)));
}

function message(op: number, bytes: number, stamp: Stamp): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(bytes));
  view.setUint8(0, op);
  view.setUint16(2, stamp.seq & 0xffff, true);
  view.setUint32(4, Math.floor(stamp.clientTimeMs) >>> 0, true);
  return view;
}

/** A key goes down or up. `code` is the Linux evdev number of the physical key (table below). */
export function encodeKey(stamp: Stamp, code: number, isDown: boolean): Uint8Array<ArrayBuffer> {
  const view = message(OPS.key.op, 11, stamp);
  view.setUint16(8, clamp(code, 0, 0xffff), true);
  view.setUint8(10, Number(isDown));
  return new Uint8Array(view.buffer);
}

/** A pointer button: 1 left, 2 middle, 3 right, 8 back, 9 forward (X11's numbers). */
export function encodeButton(stamp: Stamp, button: number, isDown: boolean): Uint8Array<ArrayBuffer> {
  const view = message(OPS.button.op, 10, stamp);
  view.setUint8(8, clamp(button, 0, 0xff));
  view.setUint8(9, Number(isDown));
  return new Uint8Array(view.buffer);
}

/** The pointer goes to a place: 0 is the left or upper edge of the picture, 65535 the other. */
export function encodeMove(stamp: Stamp, x: number, y: number): Uint8Array<ArrayBuffer> {
  const view = message(OPS.move.op, 12, stamp);
  view.setUint16(8, clamp(x, 0, 0xffff), true);
  view.setUint16(10, clamp(y, 0, 0xffff), true);
  return new Uint8Array(view.buffer);
}

/** The pointer moves by pixels of the desktop (pointer lock). */
export function encodeMoveBy(stamp: Stamp, dx: number, dy: number): Uint8Array<ArrayBuffer> {
  const view = message(OPS.move_by.op, 12, stamp);
  view.setInt16(8, clamp(dx, -0x8000, 0x7fff), true);
  view.setInt16(10, clamp(dy, -0x8000, 0x7fff), true);
  return new Uint8Array(view.buffer);
}

/** The wheel turns; 120 is one notch, positive is down and right. */
export function encodeWheel(stamp: Stamp, dx: number, dy: number): Uint8Array<ArrayBuffer> {
  const view = message(OPS.wheel.op, 12, stamp);
  view.setInt16(8, clamp(dx, -0x8000, 0x7fff), true);
  view.setInt16(10, clamp(dy, -0x8000, 0x7fff), true);
  return new Uint8Array(view.buffer);
}

/** Everything that this peer holds down is let go. */
export function encodeReleaseAll(stamp: Stamp): Uint8Array<ArrayBuffer> {
  const view = message(OPS.release_all.op, 8, stamp);
  return new Uint8Array(view.buffer);
}

/** The frame with this sequence number was drawn; `decode_us` and `draw_us` are how long that took in the browser. */
export function encodeShown(stamp: Stamp, frame: number, decodeUs: number, drawUs: number): Uint8Array<ArrayBuffer> {
  const view = message(OPS.shown.op, 16, stamp);
  view.setUint32(8, clamp(frame, 0, 0xffffffff), true);
  view.setUint16(12, clamp(decodeUs, 0, 0xffff), true);
  view.setUint16(14, clamp(drawUs, 0, 0xffff), true);
  return new Uint8Array(view.buffer);
}

/** A gamepad as it is now, all of it: bit n of `buttons` is button n (table below), sticks go right and down, triggers 0 to 255. */
export function encodePad(
  stamp: Stamp,
  pad: number,
  buttons: number,
  leftX: number,
  leftY: number,
  rightX: number,
  rightY: number,
  leftTrigger: number,
  rightTrigger: number,
): Uint8Array<ArrayBuffer> {
  const view = message(OPS.pad.op, 23, stamp);
  view.setUint8(8, clamp(pad, 0, 0xff));
  view.setUint32(9, clamp(buttons, 0, 0xffffffff), true);
  view.setInt16(13, clamp(leftX, -0x8000, 0x7fff), true);
  view.setInt16(15, clamp(leftY, -0x8000, 0x7fff), true);
  view.setInt16(17, clamp(rightX, -0x8000, 0x7fff), true);
  view.setInt16(19, clamp(rightY, -0x8000, 0x7fff), true);
  view.setUint8(21, clamp(leftTrigger, 0, 0xff));
  view.setUint8(22, clamp(rightTrigger, 0, 0xff));
  return new Uint8Array(view.buffer);
}

/** This gamepad was unplugged: everything on it is let go, and the game loses it. */
export function encodePadGone(stamp: Stamp, pad: number): Uint8Array<ArrayBuffer> {
  const view = message(OPS.pad_gone.op, 9, stamp);
  view.setUint8(8, clamp(pad, 0, 0xff));
  return new Uint8Array(view.buffer);
}

/** How the player's device is turned from where the player looks straight ahead, in hundredths of a degree: to the right, up, and tilted to the right. Only for a game that follows heads (`has_head_tracking` of the welcome). */
export function encodeLook(stamp: Stamp, yaw: number, pitch: number, roll: number): Uint8Array<ArrayBuffer> {
  const view = message(OPS.look.op, 14, stamp);
  view.setInt16(8, clamp(yaw, -0x8000, 0x7fff), true);
  view.setInt16(10, clamp(pitch, -0x8000, 0x7fff), true);
  view.setInt16(12, clamp(roll, -0x8000, 0x7fff), true);
  return new Uint8Array(view.buffer);
}

/** One character is typed that no key of the layout needs to have: `code_point` is its Unicode scalar value, never a control character or half of a pair. It goes down and up at once. */
export function encodeText(stamp: Stamp, codePoint: number): Uint8Array<ArrayBuffer> {
  const view = message(OPS.text.op, 12, stamp);
  view.setUint32(8, clamp(codePoint, 0, 0xffffffff), true);
  return new Uint8Array(view.buffer);
}
