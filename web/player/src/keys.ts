/**
 * Which key events go to the game, and which the browser is kept from. Pure.
 *
 * Four degrees of capture: `none` (the stage has no focus: keys belong to the page), `shortcuts` (somebody else plays: only those of the
 * page itself are taken), `focus` (the game plays in the page: keys go to it, save those that a browser's user can't do without), `full`
 * (pointer lock or full screen: everything goes to the game).
 */

import { KEY_CODES } from "./input.gen";

export type Capture = "none" | "shortcuts" | "focus" | "full";

/** What of a KeyboardEvent matters here. */
export interface KeyPress {
  code: string;
  ctrlKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
  repeat: boolean;
  /** "AltGraph" for the key that brings the third sign of keys. */
  key?: string;
  getModifierState?(name: "AltGraph"): boolean;
}

export type Shortcut = "full_screen" | "pointer_lock" | "stats" | "bar" | "typing";

export interface KeyVerdict {
  /** evdev number to send, or null. */
  send: number | null;
  isPrevented: boolean;
  shortcut: Shortcut | null;
}

const SHORTCUTS: Record<string, Shortcut> = {
  Enter: "full_screen",
  KeyM: "pointer_lock",
  KeyS: "stats",
  KeyB: "bar",
  KeyI: "typing",
};

/** With Ctrl: tabs, windows, address, reload, zoom, and the developer tools (with Shift). */
const BROWSER_WITH_CTRL = new Set(
  ["KeyT", "KeyN", "KeyW", "KeyL", "KeyR", "Tab", "Equal", "Minus", "Digit0", "NumpadAdd", "NumpadSubtract"].concat([
    "PageUp",
    "PageDown",
  ]),
);
const BROWSER_WITH_CTRL_SHIFT = new Set(["KeyI", "KeyJ", "KeyC", "KeyN", "KeyT", "KeyP", "Tab"]);
const BROWSER_ALONE = new Set(["F11", "F12"]);

function isBrowserCritical(key: KeyPress): boolean {
  if (key.metaKey && key.code !== "MetaLeft" && key.code !== "MetaRight") return true;
  if (BROWSER_ALONE.has(key.code)) return true;
  if (key.ctrlKey && BROWSER_WITH_CTRL.has(key.code)) return true;
  if (key.ctrlKey && key.shiftKey && BROWSER_WITH_CTRL_SHIFT.has(key.code)) return true;
  return key.altKey && ["F4", "ArrowLeft", "ArrowRight", "Home"].includes(key.code);
}

/** What to do about a key that goes down. */
export function onKeyDown(key: KeyPress, capture: Capture): KeyVerdict {
  const nothing = { send: null, isPrevented: false, shortcut: null };
  if (capture === "none") return nothing;
  // Windows tells AltGr as Ctrl and Alt.
  const writes = key.getModifierState?.("AltGraph") === true;
  const shortcut = key.ctrlKey && key.altKey && !key.metaKey && !writes ? SHORTCUTS[key.code] : undefined;
  if (shortcut) return { send: null, isPrevented: true, shortcut: key.repeat ? null : shortcut };
  if (capture === "shortcuts") return nothing;
  if (capture === "focus" && !writes && isBrowserCritical(key)) return nothing;
  const number = Object.hasOwn(KEY_CODES, key.code) ? (KEY_CODES[key.code] ?? null) : null;
  if (number === null) return nothing;
  return { send: key.repeat ? null : number, isPrevented: true, shortcut: null };
}

/** Whether `key` is what people paste with. */
export function isPaste(key: KeyPress): boolean {
  if (key.altKey || key.metaKey || key.repeat) return false;
  return key.code === "KeyV" ? key.ctrlKey : key.code === "Insert" && key.shiftKey && !key.ctrlKey;
}

/** evdev numbers of what is held, so that each press gets its release, and only once. */
export class HeldKeys {
  private readonly held = new Map<string, number>();

  press(code: string, number: number): boolean {
    if (this.held.has(code)) return false;
    this.held.set(code, number);
    return true;
  }

  release(code: string): number | null {
    const number = this.held.get(code) ?? null;
    this.held.delete(code);
    return number;
  }

  clear(): boolean {
    const hadSome = this.held.size > 0;
    this.held.clear();
    return hadSome;
  }
}
