/**
 * The life of the connection to a seat, sans-IO: `(state, event) → state and effects`. The worker owns the socket and the timer
 * and does what the effects say. Time and chance are arguments.
 *
 *     idle ─ start ▶ ticket ─▶ connecting ─ welcome ▶ open
 *                      ▲            └── lost ──┬───────┘
 *                      └── timer/online ── waiting         any ─ ended ▶ ended, final fault ▶ failed, leave ▶ closed
 */

export const CONNECT_DEADLINE_MS = 8_000;
/** The seat answers a ping each second; so long without any message and the link is held for dead. */
export const SILENCE_LIMIT_MS = 5_000;
/** The device's network has changed: so long may an answer take, or else the link is held for dead. */
export const DOUBT_LIMIT_MS = 2_000;
/** A link that stood so long was good: the next loss starts with the quick retries again. */
const STEADY_MS = 5_000;
const DELAYS_MS = [50, 250, 500, 1_000, 2_000, 4_000, 8_000];

export type LinkPhase = "idle" | "ticket" | "connecting" | "open" | "waiting" | "ended" | "failed" | "closed";

export interface LinkState {
  phase: LinkPhase;
  /** Failed attempts since the link last stood steadily. */
  attempts: number;
  hasBeenOpen: boolean;
  openedAtMs: number;
  /** Why the link failed for good, or was lost last. */
  fault: string | null;
}

export type LinkEvent =
  | { type: "start" }
  | { type: "ticket"; ticket: string }
  | { type: "ticket_refused"; isFinal: boolean; message: string }
  | { type: "welcome" }
  | { type: "lost"; code: number; message: string }
  | { type: "timer" }
  | { type: "online" }
  | { type: "ended" }
  | { type: "leave" };

export type LinkEffect =
  | { type: "ask_ticket" }
  | { type: "open_socket"; ticket: string }
  | { type: "close_socket" }
  | { type: "set_timer"; ms: number }
  | { type: "clear_timer" };

export const IDLE: LinkState = { phase: "idle", attempts: 0, hasBeenOpen: false, openedAtMs: 0, fault: null };

/** WebSocket close codes after which a new ticket would change nothing (see `contracts/errors.py`). */
const FINAL_CODES: Record<number, string> = {
  4404: "This session does not exist any more",
  4422: "The seat does not speak this page's language; reload the page",
  4501: "This session can't be streamed to a browser",
};

export interface Step {
  state: LinkState;
  effects: LinkEffect[];
}

/** Whether nothing was heard for too long; `doubtedAtMs` is when the device's network changed last. */
export function isSilent(heardAtMs: number, doubtedAtMs: number, nowMs: number): boolean {
  if (nowMs - heardAtMs > SILENCE_LIMIT_MS) return true;
  return doubtedAtMs > heardAtMs && nowMs - doubtedAtMs > DOUBT_LIMIT_MS;
}

const TERMINAL = new Set<LinkPhase>(["ended", "failed", "closed"]);

/** What `event` makes of `state`; events that mean nothing in a state change nothing. `chance` is in [0, 1). */
export function step(state: LinkState, event: LinkEvent, nowMs: number, chance: number): Step {
  if (TERMINAL.has(state.phase)) return { state, effects: [] };
  switch (event.type) {
    case "start":
      return state.phase === "idle" ? askTicket(state) : stay(state);
    case "ticket":
      if (state.phase !== "ticket") return stay(state);
      return {
        state: { ...state, phase: "connecting" },
        effects: [
          { type: "open_socket", ticket: event.ticket },
          { type: "set_timer", ms: CONNECT_DEADLINE_MS },
        ],
      };
    case "ticket_refused":
      if (state.phase !== "ticket") return stay(state);
      return event.isFinal ? finish(state, "failed", event.message) : wait(state, event.message, chance);
    case "welcome":
      if (state.phase !== "connecting") return stay(state);
      return {
        state: { ...state, phase: "open", hasBeenOpen: true, openedAtMs: nowMs, fault: null },
        effects: [{ type: "clear_timer" }],
      };
    case "lost":
      return lost(state, event.code, event.message, nowMs, chance);
    case "timer":
      if (state.phase === "waiting") return askTicket(state);
      if (state.phase === "ticket" || state.phase === "connecting") return wait(state, "No answer", chance);
      return stay(state);
    case "online":
      return state.phase === "waiting" ? askTicket({ ...state, attempts: 0 }) : stay(state);
    case "ended":
      return finish(state, "ended", null);
    case "leave":
      return finish(state, "closed", null);
  }
}

function stay(state: LinkState): Step {
  return { state, effects: [] };
}

function askTicket(state: LinkState): Step {
  return {
    state: { ...state, phase: "ticket" },
    effects: [{ type: "ask_ticket" }, { type: "set_timer", ms: CONNECT_DEADLINE_MS }],
  };
}

function lost(state: LinkState, code: number, message: string, nowMs: number, chance: number): Step {
  if (state.phase !== "connecting" && state.phase !== "open") return stay(state);
  const final = FINAL_CODES[code];
  if (final) return finish(state, "failed", message || final);
  const wasSteady = state.phase === "open" && nowMs - state.openedAtMs >= STEADY_MS;
  return wait(wasSteady ? { ...state, attempts: 0 } : state, message || "The connection was lost", chance);
}

function wait(state: LinkState, fault: string, chance: number): Step {
  const delay = DELAYS_MS[Math.min(state.attempts, DELAYS_MS.length - 1)] ?? 8_000;
  return {
    state: { ...state, phase: "waiting", attempts: state.attempts + 1, fault },
    effects: [{ type: "close_socket" }, { type: "set_timer", ms: Math.round(delay * (0.8 + 0.4 * chance)) }],
  };
}

function finish(state: LinkState, phase: LinkPhase, fault: string | null): Step {
  return { state: { ...state, phase, fault }, effects: [{ type: "clear_timer" }, { type: "close_socket" }] };
}
