/** Which keyboard layout the games get: the chosen one, or what this browser seems to have. */

import { FIRST_LAYOUT, LAYOUTS, ownLayout, type StreamProfile } from "../../player/src";
import { preferences, profileOf } from "./preferences";

let own = FIRST_LAYOUT;

/** To be asked once, early: the browser takes a moment to answer. */
export async function findOwnLayout(): Promise<void> {
  own = await ownLayout();
}

/** What "automatic" means here. */
export function ownLayoutLabel(): string {
  return LAYOUTS.find(({ name }) => name === own)?.label ?? own;
}

/** What this person wishes of a stream, apart from its size. */
export function wishedProfile(): StreamProfile {
  const { quality, codec, isTextSharp, keyboard } = preferences();
  return {
    ...profileOf(quality),
    codec,
    is_text_sharp: isTextSharp,
    keyboard: keyboard === "auto" ? own : keyboard,
  };
}
