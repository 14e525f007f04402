/** The player in a page: made when its host is there, closed when it goes; what it tells becomes state. */

import { type RefObject, useEffect, useRef, useState } from "react";
import {
  createPlayer,
  type FloorView,
  type MicrophoneState,
  NOBODY,
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
import { wishedProfile } from "../keyboard";
import { preferences } from "../preferences";

export interface PlayerView {
  player: Player | null;
  state: PlayerState;
  fault: string | null;
  welcome: Welcome | null;
  /** Who is there and who plays. */
  floor: FloorView;
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
  floor: NOBODY,
  picture: null,
  stats: null,
  sound: "off",
  microphone: "off",
  pads: [],
  notice: null,
};

const NOTICE_MS = 6000;

/** A ticket, or why there is none: a session or login that is gone stays gone, anything else may pass. */
async function ticketOf(access: StreamAccess): Promise<string> {
  try {
    return (await access.fetchTicket()).ticket;
  } catch (error) {
    const isFinal = error instanceof ApiProblem && [401, 403, 404, 409, 422].includes(error.status);
    throw new TicketRefused(error instanceof Error ? error.message : String(error), isFinal);
  }
}

export interface PlayerEvents {
  onEnded(end: SessionEnd): void;
  onShortcut(shortcut: Shortcut): void;
}

/** The way to a stream: a session's own, or an invitation's. */
export interface StreamAccess {
  streamPath?: string;
  fetchTicket(): Promise<{ ticket: string }>;
}

export interface PlayerWish {
  sessionId: string;
  access: StreamAccess;
  /** Another number asks for a new player. */
  attempt: number;
}

export function usePlayer(host: RefObject<HTMLElement | null>, wish: PlayerWish, events: PlayerEvents): PlayerView {
  const { sessionId, access, attempt } = wish;
  const [view, setView] = useState<PlayerView>(NOTHING);
  const latest = useRef(events);
  latest.current = events;
  const way = useRef(access);
  way.current = access;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` asks for a new player
  useEffect(() => {
    if (!host.current) return;
    const change = (part: Partial<PlayerView>): void => setView((before) => ({ ...before, ...part }));
    let noticeTimer: ReturnType<typeof setTimeout> | undefined;
    const chosen = preferences();
    const player = createPlayer({
      sessionId,
      ...(way.current.streamPath === undefined ? {} : { streamPath: way.current.streamPath }),
      host: host.current,
      profile: wishedProfile(),
      transport: chosen.transport,
      sharesClipboard: chosen.sharesClipboard,
      fetchTicket: () => ticketOf(way.current),
      onState: (state, fault) => change({ state, fault }),
      onWelcome: (welcome) => change({ welcome }),
      onFloor: (floor) => change({ floor }),
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
  }, [host, sessionId, attempt]);
  return view;
}
