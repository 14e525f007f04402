/** The player in a page: made when its host is there, closed when it goes; what it tells becomes state. */

import { type RefObject, useEffect, useRef, useState } from "react";
import {
  createPlayer,
  type MicrophoneState,
  type Notice,
  type PadView,
  type Player,
  type PlayerState,
  type PlayerStats,
  type SessionEnd,
  type Shortcut,
  type SoundState,
  TicketRefused,
  type Welcome,
} from "../../../player/src";
import { ApiProblem } from "../api/client";
import { fetchTicket, type TicketRole } from "../api/queries";
import { wishedProfile } from "../keyboard";
import { preferences } from "../preferences";

export interface PlayerView {
  player: Player | null;
  state: PlayerState;
  fault: string | null;
  welcome: Welcome | null;
  picture: { width: number; height: number } | null;
  stats: PlayerStats | null;
  sound: SoundState;
  microphone: MicrophoneState;
  pads: PadView[];
  notice: (Pick<Notice, "level" | "message" | "hint"> & { code?: string }) | null;
}

const NOTHING: PlayerView = {
  player: null,
  state: "idle",
  fault: null,
  welcome: null,
  picture: null,
  stats: null,
  sound: "off",
  microphone: "off",
  pads: [],
  notice: null,
};

const NOTICE_MS = 6000;

/** A ticket, or why there is none: a session or login that is gone stays gone, anything else may pass. */
async function ticketOf(sessionId: string, role: TicketRole): Promise<string> {
  try {
    return (await fetchTicket(sessionId, role)).ticket;
  } catch (error) {
    const isFinal = error instanceof ApiProblem && [401, 403, 404, 409, 422].includes(error.status);
    throw new TicketRefused(error instanceof Error ? error.message : String(error), isFinal);
  }
}

export interface PlayerEvents {
  onEnded(end: SessionEnd): void;
  onShortcut(shortcut: Shortcut): void;
}

export interface PlayerWish {
  sessionId: string;
  role: TicketRole;
  /** Another number asks for a new player. */
  attempt: number;
}

export function usePlayer(host: RefObject<HTMLElement | null>, wish: PlayerWish, events: PlayerEvents): PlayerView {
  const { sessionId, role, attempt } = wish;
  const [view, setView] = useState<PlayerView>(NOTHING);
  const latest = useRef(events);
  latest.current = events;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` asks for a new player
  useEffect(() => {
    if (!host.current) return;
    const change = (part: Partial<PlayerView>): void => setView((before) => ({ ...before, ...part }));
    let noticeTimer: ReturnType<typeof setTimeout> | undefined;
    const chosen = preferences();
    const player = createPlayer({
      sessionId,
      host: host.current,
      profile: wishedProfile(),
      transport: chosen.transport,
      sharesClipboard: chosen.sharesClipboard,
      fetchTicket: () => ticketOf(sessionId, role),
      onState: (state, fault) => change({ state, fault }),
      onWelcome: (welcome) => change({ welcome }),
      onPicture: (width, height) => change({ picture: { width, height } }),
      onStats: (stats) => change({ stats }),
      onSound: (sound) => change({ sound }),
      onMicrophone: (microphone) => change({ microphone }),
      onPads: (pads) => change({ pads }),
      onNotice: (notice) => {
        change({ notice });
        clearTimeout(noticeTimer);
        noticeTimer = setTimeout(() => change({ notice: null }), NOTICE_MS);
      },
      onEnded: (end) => latest.current.onEnded(end),
      onShortcut: (shortcut) => latest.current.onShortcut(shortcut),
    });
    player.sound.setVolume(chosen.volume, chosen.isMuted);
    player.sound.setOutput(chosen.soundOutput);
    window.dillingerPlayer = player.diagnostics;
    setView({ ...NOTHING, pads: player.pads.list, player });
    return () => {
      clearTimeout(noticeTimer);
      window.dillingerPlayer = null;
      player.close();
    };
  }, [host, sessionId, role, attempt]);
  return view;
}
