/**
 * The messages of `dillinger.signal.v1` as the browser sees them (`contracts/signaling.py` is the definition).
 *
 * Pure. The seat is trusted code, yet a message of an unknown type, without its fields or with others than it should have in them is
 * dropped, not acted on: an older page may meet a newer seat, and a seat sits beside a game that nobody trusts.
 */

import type { ClipMessage } from "./clip_exchange";
import { type CursorMessage, isCursor } from "./cursor";
import { type FloorWish, isPeople, type People } from "./floor";
import type { TimesTold } from "./stages";

export const SUBPROTOCOL = "dillinger.signal.v1";
export const SIGNALING_VERSION = 1;

export type TransportKind = "websocket" | "webrtc";
export type TransportWish = "auto" | TransportKind;
export type Role = "player" | "viewer";

/** What a picture can be encoded as: a codec, and of H.264 the profile (plain: constrained baseline). */
export type VideoFormat = "h264" | "h264-high" | "h264-444" | "vp8" | "vp9" | "av1";
export type CodecWish = "auto" | Exclude<VideoFormat, "h264-444">;

export interface StreamProfile {
  codec: CodecWish;
  /** A colour for every pixel where both sides can. */
  is_text_sharp: boolean;
  width_px: number;
  height_px: number;
  rate_hz: number;
  bitrate_bps: number;
  /** What there is rather of where the network carries too little. */
  prefers: "balanced" | "sharp" | "smooth" | "battery";
  /** XKB's name of the keyboard's layout. */
  keyboard: string;
}

export const DEFAULT_PROFILE: StreamProfile = {
  codec: "auto",
  is_text_sharp: false,
  width_px: 1280,
  height_px: 720,
  rate_hz: 60,
  bitrate_bps: 12_000_000,
  prefers: "balanced",
  keyboard: "us",
};

export type FromBrowser =
  | {
      type: "hello";
      version: number;
      ticket: string;
      transport: TransportWish;
      is_webrtc_able: boolean;
      profile: StreamProfile;
      /** Of the conversation that was cut off before; left out of a first one. */
      carried_by?: TransportKind;
      /** Known to this page alone: by it the seat knows the page again. */
      device: string;
      draws_cursor: boolean;
    }
  | { type: "resize"; width_px: number; height_px: number }
  | { type: "profile"; profile: StreamProfile }
  | { type: "set_transport"; transport: TransportWish }
  | { type: "decoders"; formats: VideoFormat[] }
  | { type: "keyframe" }
  | { type: "description"; kind: "answer"; sdp: string }
  | { type: "candidate"; candidate: string; sdp_mid: string | null; sdp_m_line_index: number | null }
  | { type: "ping"; time_ms: number }
  | {
      type: "client_stats";
      shown_fps: number | null;
      rtt_ms: number | null;
      loss_ratio: number | null;
      latency_ms: number | null;
      webrtc_rtt_ms: number | null;
    }
  | ClipMessage
  | FloorWish
  | { type: "bye" };

export interface SessionEnd {
  reason: string;
  message: string;
  exit_code: number | null;
  signal: string | null;
  log_tail: string[];
  ended_at: string;
}

export interface ServerStats extends TimesTold {
  type: "server_stats";
  capture_fps: number | null;
  encode_ms_p50: number | null;
  bitrate_bps: number | null;
  latency_ms_p50: number | null;
  dropped_frames: number;
  /** What the encoder may use, since the network carries no more; null where it carries all that is wished. */
  target_bps?: number | null;
  /** How many pictures a second the seat makes, since the network carries no more that are sharp. */
  limit_hz?: number | null;
  /** Why there are fewer or smaller pictures than are wished. */
  limit_reason?: string | null;
  codec_reason?: string | null;
  /** What may be chosen here: decoded by this browser, and encoded at the seat in time. */
  formats?: VideoFormat[];
  viewers: number;
}

export interface Notice {
  type: "notice";
  level: "info" | "warning" | "error";
  code: string;
  message: string;
  hint: string | null;
}

/** What browsers call RTCIceServer. */
export interface IceServer {
  urls: string[];
  username: string;
  credential: string;
}

export interface Welcome {
  type: "welcome";
  version: number;
  peer_id: number;
  role: Role;
  has_sound: boolean;
  is_resizable: boolean;
  /** Absent in older seats. */
  ice_servers?: IceServer[];
  /** Absent in older seats. */
  has_clipboard?: boolean;
  /** Absent in older seats. */
  has_microphone?: boolean;
  /** Absent in older seats. */
  has_head_tracking?: boolean;
}

/** What the pictures are from the next keyframe on. */
export interface VideoConfig {
  type: "video_config";
  codec: string;
  width_px: number;
  height_px: number;
  /** What the picture is one of, where that is larger; absent in older seats. */
  desktop_width_px?: number | null;
  desktop_height_px?: number | null;
}

/** The game lets a gamepad rumble from now on; strengths are 0 to 1, and both 0 ends it. */
export interface Rumble {
  type: "rumble";
  pad: number;
  strong: number;
  weak: number;
  duration_ms: number;
}

export type FromSeat =
  | Rumble
  | Welcome
  | People
  | VideoConfig
  | { type: "transport"; transport: TransportKind; reason: string }
  | { type: "pointer"; is_taken: boolean }
  | CursorMessage
  /** Where the pointer's hot spot is, in pixels of the desktop. */
  | { type: "cursor_at"; x: number; y: number }
  | { type: "description"; kind: "offer"; sdp: string }
  | { type: "pong"; time_ms: number }
  | ClipMessage
  | { type: "clipboard_taken"; serial: number }
  | ServerStats
  | Notice
  | { type: "ended"; end: SessionEnd };

type Kind = "string" | "number" | "boolean" | "object" | "list";
type Fields = Record<string, Kind>;

/** What each message must have. */
const REQUIRED: Record<FromSeat["type"], Fields> = {
  welcome: { peer_id: "number", role: "string", has_sound: "boolean", is_resizable: "boolean" },
  people: { people: "object" },
  video_config: { codec: "string", width_px: "number", height_px: "number" },
  transport: { transport: "string", reason: "string" },
  pointer: { is_taken: "boolean" },
  cursor: { drawn: "string" },
  cursor_at: { x: "number", y: "number" },
  description: { kind: "string", sdp: "string" },
  clipboard_offer: { serial: "number", kind: "string", size_bytes: "number" },
  clipboard_want: { serial: "number", offset: "number" },
  clipboard_part: { serial: "number", offset: "number", data: "string" },
  clipboard_taken: { serial: "number" },
  rumble: { pad: "number", strong: "number", weak: "number", duration_ms: "number" },
  pong: { time_ms: "number" },
  server_stats: {},
  notice: { level: "string", code: "string", message: "string" },
  ended: { end: "object" },
};

/** What a message may have besides, or null; anything else in it is newer than this page, and not looked at. */
const OPTIONAL: Partial<Record<FromSeat["type"], Fields>> = {
  welcome: { ice_servers: "list", has_clipboard: "boolean", has_microphone: "boolean", has_head_tracking: "boolean" },
  video_config: { desktop_width_px: "number", desktop_height_px: "number" },
  server_stats: {
    capture_fps: "number",
    encode_ms_p50: "number",
    bitrate_bps: "number",
    latency_ms_p50: "number",
    dropped_frames: "number",
    target_bps: "number",
    limit_hz: "number",
    limit_reason: "string",
    codec_reason: "string",
    formats: "list",
    viewers: "number",
    stages_ms_p50: "object",
    stages_ms_p95: "object",
    advice: "list",
  },
  notice: { hint: "string" },
};

/** The message in `text`, or null when it is none that this page knows. */
export function parseFromSeat(text: string): FromSeat | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const record = value as Record<string, unknown>;
  if (typeof record.type !== "string" || !Object.hasOwn(REQUIRED, record.type)) return null;
  const type = record.type as FromSeat["type"];
  const isWhole = Object.entries(REQUIRED[type]).every(([name, kind]) => isOf(kind, record[name]));
  const isSane = Object.entries(OPTIONAL[type] ?? {}).every(([name, kind]) => isOf(kind, record[name] ?? null, true));
  if (!isWhole || !isSane) return null;
  if (record.type === "people" && !isPeople(record)) return null;
  if (record.type === "cursor" && !isCursor(record)) return null;
  if (record.type === "ended") record.end = endOf(record.end as Record<string, unknown>);
  return record as unknown as FromSeat;
}

function isOf(kind: Kind, value: unknown, mayBeNull = false): boolean {
  if (value === null) return mayBeNull;
  return kind === "list" ? Array.isArray(value) : typeof value === kind;
}

/** Core's API says `exit_code`, the runner's wire models say `exitCode`; both mean the same. */
export function endOf(end: Record<string, unknown>): SessionEnd {
  const pick = (snake: string, camel: string): unknown => end[snake] ?? end[camel] ?? null;
  const tail = pick("log_tail", "logTail");
  const exitCode = pick("exit_code", "exitCode");
  return {
    reason: String(end.reason ?? "internal"),
    message: String(end.message ?? ""),
    exit_code: typeof exitCode === "number" ? exitCode : null,
    signal: typeof end.signal === "string" ? end.signal : null,
    log_tail: Array.isArray(tail) ? tail.map(String) : [],
    ended_at: String(pick("ended_at", "endedAt") ?? ""),
  };
}
