/** What the parts of a player measured, put together once a second: for its page, and for the seat. */

import type { RtcPath } from "./rtc";
import type { FromBrowser, ServerStats } from "./signal";
import { type Measured, type PlayerStats, playerStats } from "./stats";
import { Rate } from "./window";

type Now = Pick<Measured, "transport" | "worker" | "picture" | "soundBufferMs"> & {
  /** So far, by the element that shows the worker's frames; null where it does not count. */
  framesPresented: number | null;
};

export class Meter {
  /** What the seat says; null until it does. */
  codec: string | null = null;
  transportReason: string | null = null;
  server: ServerStats | null = null;
  /** Frames that a `<video>` has shown. */
  readonly videoRate = new Rate();

  private presented: { count: number; atMs: number } | null = null;

  async read(path: RtcPath, now: Now): Promise<{ stats: PlayerStats; report: FromBrowser }> {
    const rtc = await path.figures();
    const { codec, transportReason, server } = this;
    const atMs = performance.now();
    const videoFps = this.videoRate.perSecond(atMs);
    const presentedFps = this.presentedFps(now.framesPresented, atMs);
    const stats = playerStats({ ...now, transportReason, codec, rtc, videoFps, presentedFps, server });
    const report = {
      type: "client_stats",
      shown_fps: stats.shown_fps,
      rtt_ms: now.worker?.rttMs ?? null,
      loss_ratio: stats.loss_ratio,
      latency_ms: stats.latency_ms,
      webrtc_rtt_ms: rtc.rttMs,
    } as const;
    return { stats, report };
  }

  private presentedFps(count: number | null, atMs: number): number | null {
    const before = this.presented;
    this.presented = count === null ? null : { count, atMs };
    if (count === null || before === null || atMs <= before.atMs) return null;
    return ((count - before.count) * 1000) / (atMs - before.atMs);
  }
}
