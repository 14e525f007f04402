/** The player of the desktop: made when its host is there and its settings are known, closed with the page. */

import { type RefObject, useEffect, useState } from "react";
import {
  createPlayer,
  type FloorView,
  NOBODY,
  type Notice,
  type Player,
  type PlayerState,
  type PlayerStats,
  type SessionEnd,
  type Shortcut,
  type SoundState,
  TicketRefused,
  type Welcome,
} from "../../player/src";
import { fetchWishes } from "./wishes";

const STREAM_PATH = "/stream";
const NOTICE_MS = 6000;

export interface DesktopView {
  player: Player | null;
  state: PlayerState;
  fault: string | null;
  welcome: Welcome | null;
  floor: FloorView;
  picture: { width: number; height: number } | null;
  stats: PlayerStats | null;
  sound: SoundState;
  notice: Pick<Notice, "level" | "message" | "hint"> | null;
  end: SessionEnd | null;
}

const NOTHING: DesktopView = {
  player: null,
  state: "idle",
  fault: null,
  welcome: null,
  floor: NOBODY,
  picture: null,
  stats: null,
  sound: "off",
  notice: null,
  end: null,
};

export function useDesktop(
  host: RefObject<HTMLElement | null>,
  key: string,
  onShortcut: (shortcut: Shortcut) => void,
): DesktopView {
  const [view, setView] = useState<DesktopView>(NOTHING);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the shortcuts' receiver reads what is newest by itself
  useEffect(() => {
    const stage = host.current;
    if (!stage) return;
    const change = (part: Partial<DesktopView>): void => setView((before) => ({ ...before, ...part }));
    let player: Player | null = null;
    let isOver = false;
    let refusal: string | null = null;
    let noticeTimer: ReturnType<typeof setTimeout> | undefined;
    const open = async (): Promise<void> => {
      const wishes = await fetchWishes();
      if (isOver) return;
      player = createPlayer({
        sessionId: "desktop",
        streamPath: STREAM_PATH,
        host: stage,
        ...wishes,
        fetchTicket: async () => {
          if (refusal) throw new TicketRefused(refusal, true);
          return key;
        },
        onState: (state, fault) => change({ state, fault }),
        onWelcome: (welcome) => change({ welcome }),
        onFloor: (floor) => change({ floor }),
        onPicture: (width, height) => change({ picture: { width, height } }),
        onStats: (stats) => change({ stats }),
        onSound: (sound) => change({ sound }),
        onMicrophone: () => undefined,
        onPads: () => undefined,
        onNotice: (notice) => {
          // A key that was refused once stays refused: asking again would go on for ever.
          if (notice.code === "denied") refusal = [notice.message, notice.hint].filter(Boolean).join(". ");
          change({ notice });
          clearTimeout(noticeTimer);
          noticeTimer = setTimeout(() => change({ notice: null }), NOTICE_MS);
        },
        onEnded: (end) => change({ end }),
        onShortcut,
      });
      window.dillingerPlayer = player.diagnostics;
      change({ player });
    };
    open().catch((error: Error) => change({ state: "failed", fault: error.message }));
    return () => {
      isOver = true;
      clearTimeout(noticeTimer);
      window.dillingerPlayer = null;
      player?.close();
    };
  }, [host, key]);
  return view;
}
