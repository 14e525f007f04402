/** The player in a page: made when its host is there, closed when it goes; what it tells becomes state. */

import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import {
  createPlayer,
  type HeadState,
  type MicrophoneState,
  type PadView,
  type SessionEnd,
  type Shortcut,
  TicketRefused,
} from "../../../player/src";
import { ApiProblem } from "../api/client";
import { wishedProfile } from "../keyboard";
import { preferences, usePreferences } from "../preferences";
import { NO_STREAM, type StreamView, streamEvents } from "./stream_view";

export interface PlayerView extends StreamView {
  microphone: MicrophoneState;
  head: HeadState;
  pads: PadView[];
}

const NOTHING: PlayerView = { ...NO_STREAM, microphone: "off", head: "absent", pads: [] };

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
  // Before the page is painted: painting takes longer than asking for the stream.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` asks for a new player
  useLayoutEffect(() => {
    if (!host.current) return;
    const change = (part: Partial<PlayerView>): void => setView((before) => ({ ...before, ...part }));
    const told = streamEvents(change);
    const chosen = preferences();
    const player = createPlayer({
      sessionId,
      ...(way.current.streamPath === undefined ? {} : { streamPath: way.current.streamPath }),
      host: host.current,
      profile: wishedProfile(),
      transport: chosen.transport,
      sharesClipboard: chosen.sharesClipboard,
      fetchTicket: () => ticketOf(way.current),
      ...told.events,
      onMicrophone: (microphone) => change({ microphone }),
      onHead: (head) => change({ head }),
      onPads: (pads) => change({ pads }),
      onEnded: (end) => latest.current.onEnded(end),
      onShortcut: (shortcut) => latest.current.onShortcut(shortcut),
    });
    player.sound.setVolume(chosen.volume, chosen.isMuted);
    player.sound.setOutput(chosen.soundOutput);
    window.dillingerPlayer = player.diagnostics;
    setView({ ...NOTHING, pads: player.pads.list, player });
    return () => {
      told.forget();
      window.dillingerPlayer = null;
      player.close();
    };
  }, [host, sessionId, attempt]);
  // Chosen in another tab, while the game goes on in this one.
  const { player } = view;
  const { sharesClipboard, soundOutput } = usePreferences();
  useEffect(() => player?.setSharesClipboard(sharesClipboard), [player, sharesClipboard]);
  useEffect(() => player?.sound.setOutput(soundOutput), [player, soundOutput]);
  return view;
}
