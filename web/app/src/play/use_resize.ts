/** The desktop follows the stage: after the window has come to rest, the seat is told the size to have. */

import { type RefObject, useEffect } from "react";
import { desktopSize } from "./desktop_size";
import type { PlayerView } from "./use_player";

const REST_MS = 300;

export function useResize(stage: RefObject<HTMLElement | null>, view: PlayerView): void {
  const { player, welcome, floor, picture, state } = view;
  const follows = welcome?.is_resizable === true && floor.isPlaying && state === "open" && picture !== null;
  useEffect(() => {
    const element = stage.current;
    if (!element || !player || !follows) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asked = "";
    const ask = (): void => {
      const wanted = desktopSize({ width: element.clientWidth, height: element.clientHeight });
      const has = player.surfaces.picture;
      if (!wanted || (has?.width === wanted.width && has.height === wanted.height)) return;
      const key = `${wanted.width}x${wanted.height}`;
      if (key === asked) return;
      asked = key;
      player.resize(wanted.width, wanted.height);
    };
    const observer = new ResizeObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(ask, REST_MS);
    });
    observer.observe(element);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
    };
  }, [stage, player, follows]);
}
