/** Core's live changes by server-sent events, written into the query cache; after a gap everything is asked for again. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { request } from "./client";
import { putSession } from "./queries";
import type { SessionView } from "./types";

const REOPEN_MS = 3000;

/** Listens while `isOn`; says whether core is connected (true until proven otherwise). */
export function useEvents(isOn: boolean): boolean {
  const client = useQueryClient();
  const [isConnected, setConnected] = useState(true);
  useEffect(() => {
    if (!isOn) return;
    let source: EventSource | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let hasFailed = false;
    const open = (): void => {
      source = new EventSource("/api/v1/events");
      source.addEventListener("session", (event: MessageEvent<string>) => {
        putSession(client, JSON.parse(event.data) as SessionView);
      });
      source.addEventListener("library", () => void client.invalidateQueries({ queryKey: ["games"] }));
      source.onopen = () => {
        setConnected(true);
        if (hasFailed) void client.invalidateQueries();
        hasFailed = false;
      };
      source.onerror = () => {
        hasFailed = true;
        setConnected(false);
        if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
        // A feed does not say why it was refused; another request hears whether the login is over, and tells of it.
        request("GET", "/sessions").catch(() => undefined);
        timer = setTimeout(open, REOPEN_MS);
      };
    };
    open();
    return () => {
      clearTimeout(timer);
      source?.close();
    };
  }, [client, isOn]);
  return isConnected;
}
