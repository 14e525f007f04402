/**
 * Text as key strokes, for keyboards that give text and no keys (a phone's). Pure.
 *
 * The desktop in a cell has the keys of a PC with US layout, so this is what a character is typed with there; a character that such a
 * keyboard does not have can't be typed.
 */

import { KEY_CODES } from "./input.gen";

export interface Stroke {
  /** evdev number. */
  key: number;
  isShifted: boolean;
}

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

const STROKES = new Map<string, Stroke>([
  [" ", named("Space")],
  ["\n", named("Enter")],
  ["\t", named("Tab")],
]);
for (const letter of "abcdefghijklmnopqrstuvwxyz") {
  const code = `Key${letter.toUpperCase()}`;
  STROKES.set(letter, named(code)).set(letter.toUpperCase(), named(code, true));
}
for (const [code, [plain, shifted]] of Object.entries(PAIRS)) {
  STROKES.set(plain as string, named(code)).set(shifted as string, named(code, true));
}

/** How `text` is typed; what can't be is left out. */
export function strokesOf(text: string): Stroke[] {
  return [...text].flatMap((character) => STROKES.get(PLAIN[character] ?? character) ?? []);
}

const EDITING = new Set(["Enter", "Tab", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"]);

/** The stroke for a key that changes no text, by its `KeyboardEvent.key`; null for the others. */
export function strokeOfKey(key: string): Stroke | null {
  return EDITING.has(key) ? named(key) : null;
}

/** What turns the text of a field from `before` into `after`, typed at its end: keyboards rewrite words as they go. */
export function strokesBetween(before: string, after: string): Stroke[] {
  const [old, now] = [[...before], [...after]];
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  const erasures = old.slice(same).map(() => named("Backspace"));
  return [...erasures, ...strokesOf(now.slice(same).join(""))];
}
