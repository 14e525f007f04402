/**
 * What keyboards write that give text and no keys (a phone's, an input method, a choice of emoji), as what is sent of it. Pure.
 *
 * The desktop in a cell has the keys of a PC. A device that has no keys of its own is given those of a US layout, so what stands on these
 * is typed as strokes, which games know; everything else, and all text of a device with keys and a layout, goes as characters.
 */

import { KEY_CODES } from "./input.gen";
import type { Size } from "./letterbox";

export interface Stroke {
  /** evdev number. */
  key: number;
  isShifted: boolean;
}
/** By its code point. */
export interface Character {
  codePoint: number;
}
export type Typed = Stroke | Character;

/** Of characters in one go; more is pasted. */
export const MOST_TYPED = 1000;

/** Names of keys, each with what it types alone and with Shift. */
const PAIRS: Record<string, string> = {
  Backquote: "`~",
  Digit1: "1!",
  Digit2: "2@",
  Digit3: "3#",
  Digit4: "4$",
  Digit5: "5%",
  Digit6: "6^",
  Digit7: "7&",
  Digit8: "8*",
  Digit9: "9(",
  Digit0: "0)",
  Minus: "-_",
  Equal: "=+",
  BracketLeft: "[{",
  BracketRight: "]}",
  Backslash: "\\|",
  Semicolon: ";:",
  Quote: "'\"",
  Comma: ",<",
  Period: ".>",
  Slash: "/?",
};
/** What phones write for characters that a keyboard has in a plainer form. */
const PLAIN: Record<string, string> = { "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " " };

function named(code: string, isShifted = false): Stroke {
  return { key: KEY_CODES[code] as number, isShifted };
}

const CONTROLS = new Map<string, Stroke>([
  ["\n", named("Enter")],
  ["\t", named("Tab")],
]);
const STROKES = new Map<string, Stroke>([...CONTROLS, [" ", named("Space")]]);
for (const letter of "abcdefghijklmnopqrstuvwxyz") {
  const code = `Key${letter.toUpperCase()}`;
  STROKES.set(letter, named(code)).set(letter.toUpperCase(), named(code, true));
}
for (const [code, [plain, shifted]] of Object.entries(PAIRS)) {
  STROKES.set(plain as string, named(code)).set(shifted as string, named(code, true));
}

/** The stroke that types `character` on a US keyboard. */
function strokeOf(character: string): Stroke | undefined {
  return STROKES.get(PLAIN[character] ?? character);
}

/** Whether a US keyboard has all of `text`. */
function isPlain(text: string): boolean {
  return [...text].every((character) => strokeOf(character) !== undefined);
}

/** How `text` is typed, by strokes where `hasStrokes`. */
export function typedAs(text: string, hasStrokes: boolean): Typed[] {
  return [...text].map(
    (character) =>
      (hasStrokes ? strokeOf(character) : CONTROLS.get(character)) ?? { codePoint: character.codePointAt(0) as number },
  );
}

const EDITING = new Set(["Enter", "Tab", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"]);

/** The stroke for a key that changes no text, by its `KeyboardEvent.key`; null for the others. */
export function strokeOfKey(key: string): Stroke | null {
  return EDITING.has(key) ? named(key) : null;
}

/** What turns the text of a field from `before` into `after`, typed at its end: keyboards rewrite words as they go. */
function typedBetween(before: string, after: string, hasStrokes: boolean): Typed[] {
  const [old, now] = [[...before], [...after]];
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  const erasures = old.slice(same).map(() => named("Backspace"));
  return [...erasures, ...typedAs(now.slice(same).join(""), hasStrokes)];
}

/** Why `text` can't be typed, in words for the person; null where it can. */
export function faultOf(text: string): string | null {
  if ([...text].length > MOST_TYPED)
    return `That is too much to type: at most ${MOST_TYPED} characters. Paste it instead.`;
  const hasOther = /[\p{Surrogate}\p{Noncharacter_Code_Point}]/u.test(text) || /(?![\t\n])\p{Control}/u.test(text);
  return hasOther ? "That can't be typed: there is something in it that is no character." : null;
}

/**
 * A field in which text comes together, and what of it is typed already.
 *
 * What an input method still composes is not typed: nobody wants to see its readings in the game. A phone composes every word, though,
 * and shows nothing of it elsewhere; what it composes of a keyboard's own characters is typed as it comes, and erased should it become
 * something else.
 */
export class TypedField {
  private typed: string;

  /** `rest` stands in the field at all times, so that there is something to erase. */
  constructor(
    readonly rest: string,
    /** For devices without keys. */
    private readonly isPhone: boolean,
  ) {
    this.typed = rest;
  }

  /** What is to be typed now that the field holds `value`, or why it can't be. */
  changed(value: string, isComposing: boolean): Typed[] | { fault: string } {
    const isTyped = !isComposing || (this.isPhone && isPlain(value));
    const now = isTyped ? value : this.rest;
    const before = this.typed;
    const fault = now.length > before.length ? faultOf(now) : null;
    if (fault !== null) return { fault };
    this.typed = now;
    return typedBetween(before, now, this.isPhone);
  }

  /** The field holds `rest` again. */
  rested(): void {
    this.typed = this.rest;
  }
}

/** What of a KeyboardEvent tells who takes the key. */
export interface MaybeComposed {
  isComposing: boolean;
  keyCode: number;
  code: string;
}

/** Whether the keyboard itself makes text of this key: an input method, or one on a screen, whose keys have no place. */
export function isTextKey(key: MaybeComposed): boolean {
  // 229 also marks the key that ends a composition, where a browser tells of it only afterwards.
  return key.isComposing || key.keyCode === 229 || !Object.hasOwn(KEY_CODES, key.code);
}

const FIELD_PX = { width: 240, height: 32 };
const BELOW_PX = 18;

/** Where the field is put so that what is composed stands by the hand, and all of it within the host. */
export function fieldPlace(hand: { x: number; y: number } | null, host: Size): { left: number; top: number } {
  const at = hand ?? { x: (host.width - FIELD_PX.width) / 2, y: host.height };
  const below = at.y + BELOW_PX;
  const top = below + FIELD_PX.height <= host.height ? below : at.y - BELOW_PX - FIELD_PX.height;
  const within = (value: number, most: number): number => Math.max(0, Math.min(value, most));
  return { left: within(at.x, host.width - FIELD_PX.width), top: within(top, host.height - FIELD_PX.height) };
}
