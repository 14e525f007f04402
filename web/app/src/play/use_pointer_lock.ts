/** The mouse given to the game, for those that turn the view with it. */

import { type RefObject, useCallback, useEffect, useState } from "react";
import type { Player } from "../../../player/src";

export interface PointerLock {
  isPossible: boolean;
  isOn: boolean;
  toggle(): void;
}

export function usePointerLock(player: Player | null, stage: RefObject<HTMLElement | null>): PointerLock {
  const [isOn, setOn] = useState(false);
  useEffect(() => {
    const changed = (): void =>
      setOn(document.pointerLockElement !== null && document.pointerLockElement === stage.current);
    document.addEventListener("pointerlockchange", changed);
    return () => document.removeEventListener("pointerlockchange", changed);
  }, [stage]);
  const toggle = useCallback(() => {
    if (document.pointerLockElement) document.exitPointerLock();
    else player?.lockPointer().catch(() => undefined); // refused just after Esc, or by the user: the button stays as it was
  }, [player]);
  const isPossible = "requestPointerLock" in document.documentElement && matchMedia("(any-pointer: fine)").matches;
  return { isPossible, isOn, toggle };
}
