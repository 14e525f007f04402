/** States, reasons and figures in words that a person understands. Pure. */

import type { SessionEnd } from "../../player/src";
import type { SessionState, SessionView } from "./api/types";

export interface EndWords {
  title: string;
  text: string;
  tone: "calm" | "fault";
}

const ENDS: Record<string, EndWords> = {
  user_stop: { title: "Stopped", text: "You ended this game.", tone: "calm" },
  admin_stop: {
    title: "Ended from the server",
    text: "Dillinger was shut down, or an admin ended the game.",
    tone: "calm",
  },
  game_exited: { title: "That’s a wrap", text: "The game was quit from inside.", tone: "calm" },
  game_crashed: { title: "The game crashed", text: "It ended by itself, and not on purpose.", tone: "fault" },
  idle_timeout: { title: "Put to rest", text: "Nobody was watching for a while, so the game was ended.", tone: "calm" },
  time_limit: { title: "Time is up", text: "The session reached its time limit.", tone: "calm" },
  refused: { title: "Not started", text: "This machine refused to start the game.", tone: "fault" },
  placement_failed: {
    title: "Could not be placed",
    text: "There was no place where the game could run.",
    tone: "fault",
  },
  start_timeout: {
    title: "It never appeared",
    text: "The game did not show a window in time, so the start was called off.",
    tone: "fault",
  },
  out_of_memory: { title: "Out of memory", text: "The game used more memory than it is allowed.", tone: "fault" },
  out_of_disk: { title: "Disk is full", text: "The game wrote more than its saves may hold.", tone: "fault" },
  seat_lost: {
    title: "The seat was lost",
    text: "The process that watched over the game ended without a word. What the game had saved is kept.",
    tone: "fault",
  },
  cell_lost: {
    title: "The game’s cell was lost",
    text: "What held the game ended, and the game with it. What it had saved is kept.",
    tone: "fault",
  },
  screen_lost: {
    title: "The display is gone",
    text: "The machine’s own display, which the game was shown on, ended or let go of it. What it had saved is kept.",
    tone: "fault",
  },
  internal: { title: "Something broke", text: "That was our fault, not the game’s.", tone: "fault" },
};

const UNKNOWN_END: EndWords = { title: "It’s over", text: "The session has ended.", tone: "calm" };

export function endWords(end: Pick<SessionEnd, "reason">): EndWords {
  return Object.hasOwn(ENDS, end.reason) ? (ENDS[end.reason] ?? UNKNOWN_END) : UNKNOWN_END;
}

const STATES: Record<SessionState, string> = {
  requested: "Asking for a place",
  placing: "Finding a place",
  starting: "Starting",
  ready: "Ready",
  streaming: "Playing",
  unreachable: "Out of reach",
  stopping: "Stopping",
  ended: "Ended",
};

export function stateWords(state: SessionState): string {
  return STATES[state] ?? state;
}

/** Where somebody stands who waits for room. */
export function queueWords(queue: { place: number; length: number }): string {
  const whose = queue.place === 1 ? "You are next" : `You are number ${queue.place} of ${queue.length}`;
  return `${whose}. The game starts by itself as soon as there is room.`;
}

/** What a start is doing: the step that is under way where one says so, else the session's state. */
export function nowWords(view: Pick<SessionView, "state" | "steps">): string {
  const now = view.steps.find((step) => step.share_done !== null);
  if (now === undefined) return stateWords(view.state);
  const words = STEPS_UNDER_WAY[now.name] ?? stepWords(now.name);
  const percent = Math.floor((now.share_done ?? 0) * 100);
  return percent < 99 ? `${words}: ${percent} %` : `${words}: nearly done`;
}

const STEPS_UNDER_WAY: Record<string, string> = {
  template: "Making Wine ready, once for all its games",
};

const STEPS: Record<string, string> = {
  template: "Wine made ready, once for all its games",
  folder: "Game’s folder ready",
  prefix: "Windows drive ready",
  cell: "Cell locked",
  sound: "Sound ready",
  display: "Display ready",
  game: "Game started",
  stream: "Stream open",
  screen: "The machine’s display answered",
  shown: "Shown on the machine’s display",
  window: "First window",
};

/** What a step of the start has done; a step that is new here by its own name, `save_copied` → `Save copied`. */
export function stepWords(name: string): string {
  const known = Object.hasOwn(STEPS, name) ? STEPS[name] : undefined;
  if (known) return known;
  const text = name.replaceAll(/[_-]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function milliseconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** A wait that somebody has to sit out, rounded up: `45 s`, `4 min 10 s`, `2 min`. */
export function waitWords(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  const rest = whole % 60;
  return rest === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${rest} s`;
}

/** A measured figure; what is not measured is a dash. */
export function figure(value: number | null | undefined, unit: string, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return `${value.toFixed(digits)}${unit && ` ${unit}`}`;
}

export function bitrate(bps: number | null | undefined): string {
  if (bps === null || bps === undefined) return "–";
  return bps < 1_000_000 ? `${Math.round(bps / 1000)} kbit/s` : `${(bps / 1_000_000).toFixed(1)} Mbit/s`;
}

/** How long ago, coarsely. */
export function ago(fromIso: string, nowMs: number): string {
  const minutes = Math.floor((nowMs - Date.parse(fromIso)) / 60_000);
  if (!Number.isFinite(minutes)) return "";
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
