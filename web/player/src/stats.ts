/** One set of figures out of what the worker, the WebRTC path and the seat measured. Pure. Unknown is null, never a guess. */

import type { RtcFigures } from "./rtc";
import type { ServerStats, TransportKind, VideoFormat } from "./signal";
import { type Times, timesOf } from "./stages";
import type { WorkerFigures } from "./worker_protocol";

export interface PlayerStats {
  transport: TransportKind | null;
  transport_reason: string | null;
  codec: string | null;
  width_px: number | null;
  height_px: number | null;
  shown_fps: number | null;
  /** Capture at the seat → drawn here, the acknowledgement's way back included; median of the last second, measured by the seat. */
  latency_ms: number | null;
  rtt_ms: number | null;
  bitrate_bps: number | null;
  loss_ratio: number | null;
  decode_ms: number | null;
  draw_ms: number | null;
  capture_fps: number | null;
  encode_ms: number | null;
  sound_buffer_ms: number | null;
  dropped_frames: number | null;
  /** What the network carries; null while it carries all that is wished. */
  target_bps: number | null;
  limit_hz: number | null;
  limit_reason: string | null;
  codec_reason: string | null;
  /** What may be chosen; null until the seat has said it. */
  formats: VideoFormat[] | null;
  viewers: number | null;
  /** Where a picture's time goes, and what to do about it; null while nothing moves. */
  times: Times | null;
}

export interface Measured {
  transport: TransportKind | null;
  transportReason: string | null;
  codec: string | null;
  picture: { width: number; height: number } | null;
  worker: WorkerFigures | null;
  rtc: RtcFigures | null;
  /** Of WebRTC's element. */
  videoFps: number | null;
  /** Of the element that shows the worker's frames, where that counts them; the worker knows what it gave, not what was seen. */
  presentedFps: number | null;
  server: ServerStats | null;
  soundBufferMs: number | null;
}

export function playerStats(measured: Measured): PlayerStats {
  const { transport, worker, rtc, server, picture } = measured;
  const isRtc = transport === "webrtc";
  return {
    transport,
    transport_reason: measured.transportReason,
    codec: measured.codec,
    width_px: picture?.width ?? null,
    height_px: picture?.height ?? null,
    shown_fps: isRtc ? measured.videoFps : (measured.presentedFps ?? worker?.shownFps ?? null),
    latency_ms: server?.latency_ms_p50 ?? null,
    rtt_ms: isRtc ? (rtc?.rttMs ?? null) : (worker?.rttMs ?? null),
    bitrate_bps: isRtc ? (rtc?.bitrateBps ?? null) : (worker?.bitrateBps ?? null),
    // A WebSocket runs over TCP: what is lost is sent again below, where nobody here can count it.
    loss_ratio: isRtc ? (rtc?.lossRatio ?? null) : null,
    decode_ms: isRtc ? (rtc?.decodeMs ?? null) : (worker?.decodeMs ?? null),
    draw_ms: isRtc ? null : (worker?.drawMs ?? null),
    capture_fps: server?.capture_fps ?? null,
    encode_ms: server?.encode_ms_p50 ?? null,
    sound_buffer_ms: measured.soundBufferMs,
    dropped_frames: server?.dropped_frames ?? null,
    target_bps: server?.target_bps ?? null,
    limit_hz: server?.limit_hz ?? null,
    limit_reason: server?.limit_reason ?? null,
    codec_reason: server?.codec_reason ?? null,
    formats: server?.formats ?? null,
    viewers: server?.viewers ?? null,
    times: timesOf(server),
  };
}
