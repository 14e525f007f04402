/** The player of the desktop: made when its host is there and its settings are known, closed with the page. */

import { type RefObject, useEffect, useState } from "react";
import { NO_STREAM, type StreamView, streamEvents } from "../../app/src/play/stream_view";
import { createPlayer, type Player, type SessionEnd, type Shortcut, TicketRefused } from "../../player/src";
import { fetchWishes } from "./wishes";

const STREAM_PATH = "/stream";

export interface DesktopView extends StreamView {
  end: SessionEnd | null;
}

const NOTHING: DesktopView = { ...NO_STREAM, end: null };

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
    const told = streamEvents(change);
    let player: Player | null = null;
    let isOver = false;
    let refusal: string | null = null;
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
        ...told.events,
        onMicrophone: () => undefined,
        onPads: () => undefined,
        onNotice: (notice) => {
          // A key that was refused once stays refused: asking again would go on for ever.
          if (notice.code === "denied") refusal = [notice.message, notice.hint].filter(Boolean).join(". ");
          told.events.onNotice(notice);
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
      told.forget();
      window.dillingerPlayer = null;
      player?.close();
    };
  }, [host, key]);
  return view;
}
