/** What the parts of a player measured, put together once a second: for its page, and for the seat. */

import type { RtcPath } from "./rtc";
import type { FromBrowser, ServerStats } from "./signal";
import { type Measured, type PlayerStats, playerStats } from "./stats";
import { Rate } from "./window";

type Now = Pick<Measured, "transport" | "worker" | "picture" | "soundBufferMs">;

export class Meter {
  /** What the seat says; null until it does. */
  codec: string | null = null;
  transportReason: string | null = null;
  server: ServerStats | null = null;
  /** Frames that a `<video>` has shown. */
  readonly videoRate = new Rate();

  async read(path: RtcPath, now: Now): Promise<{ stats: PlayerStats; report: FromBrowser }> {
    const rtc = await path.figures();
    const { codec, transportReason, server } = this;
    const videoFps = this.videoRate.perSecond(performance.now());
    const stats = playerStats({ ...now, transportReason, codec, rtc, videoFps, server });
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
}
