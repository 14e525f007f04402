/** What a page is told of its player's link. Pure. */

import type { LinkPhase } from "./link";

export type PlayerState = "idle" | "connecting" | "open" | "reconnecting" | "ended" | "failed" | "closed";

const STATES: Record<LinkPhase, PlayerState> = {
  idle: "idle",
  ticket: "connecting",
  connecting: "connecting",
  open: "open",
  waiting: "reconnecting",
  ended: "ended",
  failed: "failed",
  closed: "closed",
};

export function playerState(phase: LinkPhase, hasBeenOpen: boolean): PlayerState {
  const state = STATES[phase];
  return state === "connecting" && hasBeenOpen ? "reconnecting" : state;
}
