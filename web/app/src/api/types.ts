/** What core's API answers (`/api/v1`), as far as the pages use it. */

import type { SessionEnd } from "../../../player/src";

export interface User {
  name: string;
  role: "admin" | "user" | string;
  must_change_password: boolean;
}

export interface Me {
  user: User;
  csrf: string;
}

/** What `/me` says while nobody is logged in. */
export interface Nobody {
  user: null;
  csrf: null;
}

export interface GameCard {
  game_id: string;
  title: string;
  summary: string;
  launch_kind: string;
  icon_url: string | null;
  is_playable: boolean;
  problem: string | null;
  /** What it lacks on this machine; it can be tried nevertheless. */
  warning: string | null;
}

export type SessionState =
  | "requested"
  | "placing"
  | "starting"
  | "ready"
  | "streaming"
  | "unreachable"
  | "stopping"
  | "ended";

export interface StartStep {
  name: string;
  duration_ms: number;
  /** Of one that is under way; null for one that is done. */
  share_done: number | null;
}

export interface SessionView {
  session_id: string;
  game_id: string;
  game_title: string;
  user_name: string;
  state: SessionState;
  created_at: string;
  ended_at: string | null;
  steps: StartStep[];
  peers: number;
  /** Where it stands while it waits for room; 1 is next. */
  queue: { place: number; length: number; reason: string } | null;
  end: SessionEnd | null;
}
