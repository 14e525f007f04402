/** The place of a picture in its page: what the keys of the page itself do, the focus on it, and how loud it is. */

import { type RefObject, useCallback, useEffect, useState } from "react";
import type { Shortcut } from "../../../player/src";
import { setPreferences, usePreferences } from "../preferences";
import type { StreamView } from "./stream_view";
import { type FullScreen, useFullScreen } from "./use_full_screen";
import { type PointerLock, usePointerLock } from "./use_pointer_lock";

export interface StageRefs {
  page: RefObject<HTMLElement | null>;
  stage: RefObject<HTMLElement | null>;
  /** Who receives the shortcuts: the player exists before what they act on. */
  shortcut: RefObject<(shortcut: Shortcut) => void>;
}

export interface Stage {
  fullScreen: FullScreen;
  pointer: PointerLock;
  /** Counts up when the shortcut for the bar is pressed. */
  barWish: number;
  /** Gives the keyboard back to what is streamed. */
  focusStage: () => void;
}

export function useStage(refs: StageRefs, live: StreamView): Stage {
  const { page, stage, shortcut } = refs;
  const { player, picture, floor } = live;
  const chosen = usePreferences();
  const [barWish, setBarWish] = useState(0);
  const fullScreen = useFullScreen(page);
  const pointer = usePointerLock(player, stage);
  shortcut.current = (name) => {
    if (name === "full_screen") fullScreen.toggle();
    else if (name === "pointer_lock") floor.isPlaying && pointer.toggle();
    else if (name === "typing") player?.toggleTyping();
    else if (name === "stats") setPreferences({ showsStats: !chosen.showsStats });
    else setBarWish((count) => count + 1);
  };
  const focusStage = useCallback(() => stage.current?.focus({ preventScroll: true }), [stage]);
  useEffect(() => {
    player?.sound.setVolume(chosen.volume, chosen.isMuted);
  }, [player, chosen.volume, chosen.isMuted]);
  useEffect(() => {
    // Whoever types on the screen's keyboard, chooses in a menu or is in the bar goes on: another picture takes the focus from nobody.
    const isFree = document.activeElement === null || document.activeElement === document.body;
    if (picture && isFree) focusStage();
  }, [picture, focusStage]);
  return { fullScreen, pointer, barWish, focusStage };
}
