/** Full screen with the keyboard for the game, where the browser lends it. */

import { type RefObject, useCallback, useEffect, useState } from "react";

interface KeyboardLock {
  lock?(): Promise<void>;
  unlock?(): void;
}

function keyboard(): KeyboardLock | undefined {
  return (navigator as Navigator & { keyboard?: KeyboardLock }).keyboard;
}

export interface FullScreen {
  isPossible: boolean;
  isOn: boolean;
  toggle(): void;
}

export function useFullScreen(page: RefObject<HTMLElement | null>): FullScreen {
  const [isOn, setOn] = useState(false);
  useEffect(() => {
    const changed = (): void => {
      const isNow = document.fullscreenElement !== null && document.fullscreenElement === page.current;
      setOn(isNow);
      if (!isNow) keyboard()?.unlock?.();
    };
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, [page]);
  const toggle = useCallback(() => void change(page.current), [page]);
  return { isPossible: document.fullscreenEnabled === true, isOn, toggle };
}

async function change(page: HTMLElement | null): Promise<void> {
  try {
    if (document.fullscreenElement) return await document.exitFullscreen();
    await page?.requestFullscreen({ navigationUI: "hide" });
    await keyboard()?.lock?.();
  } catch {
    // The browser or its user refused: the page stays as it is, which can be seen.
  }
}
