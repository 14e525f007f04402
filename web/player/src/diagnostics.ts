/**
 * What the player knows about itself, for benchmarks, tests and curious people: `window.dillingerPlayer` while a game is on the page. Reads
 * the picture that is really shown and the sound that is really played. Main thread.
 */

import type { WayName } from "./drawing/base";
import type { Box } from "./media";
import { type Colour, frameColours, framePixels, type Pixels } from "./pixels";
import type { Player } from "./player";
import type { PlayerState } from "./player_state";
import type { Role, TransportKind } from "./signal";
import type { SoundState } from "./sound";
import type { PlayerStats } from "./stats";
import type { FromWorker, ToWorker, WorkerFigures } from "./worker_protocol";

export interface WatchedFrame {
  /** Media sequence; null over WebRTC, where frames have none. */
  sequence: number | null;
  /** Milliseconds since the epoch, on this machine's clock. */
  shown_at_ms: number;
  /** Mean colour of each watched box. */
  colours: Colour[];
}

export type Renderer = WayName | "video";

declare global {
  interface Window {
    dillingerPlayer?: Diagnostics | null;
  }
}

export class Diagnostics {
  private nextId = 1;
  private readonly reads = new Map<number, (pixels: Pixels | null) => void>();
  private boxes: Box[] = [];
  private callback: ((frame: WatchedFrame) => void) | null = null;
  readonly #player: Player;
  readonly #post: (message: ToWorker) => void;

  constructor(player: Player, post: (message: ToWorker) => void) {
    this.#player = player;
    this.#post = post;
  }

  get state(): PlayerState {
    return this.#player.state;
  }

  /** What carries the picture that is on screen now. */
  get transport(): TransportKind | null {
    const shown = this.#player.surfaces.shown;
    if (shown === null) return null;
    return shown === "rtc" ? "webrtc" : "websocket";
  }

  get role(): Role | null {
    return this.#player.role;
  }

  get renderer(): Renderer | null {
    if (this.#player.surfaces.shown === "rtc") return "video";
    return this.#player.figures?.way ?? null;
  }

  get picture(): { width_px: number; height_px: number } | null {
    const picture = this.#player.surfaces.picture;
    return picture && { width_px: picture.width, height_px: picture.height };
  }

  /** Frames that were shown since the player began, over either transport; a quarter of a second old at most. */
  get framesShown(): number {
    const { figures, surfaces, videoFramesShown } = this.#player;
    return (surfaces.framesPresented ?? figures?.framesShown ?? 0) + videoFramesShown;
  }

  get lastFrame(): WorkerFigures["lastFrame"] {
    return this.#player.figures?.lastFrame ?? null;
  }

  get stats(): PlayerStats | null {
    return this.#player.stats;
  }

  get sound(): {
    state: SoundState;
    level: number;
    volume: number;
    is_muted: boolean;
    decoded_by: "player" | "browser";
    is_quick: boolean;
    gaps: number | null;
  } {
    const { state, level, volume, isMuted, decodedBy, isQuick, gaps } = this.#player.sound;
    return { state, level, volume, is_muted: isMuted, decoded_by: decodedBy, is_quick: isQuick, gaps };
  }

  /** The last 43 ms of sound, 48 kHz, and when the last sample leaves the loudspeaker: milliseconds since the epoch. */
  heard(): { samples: Float32Array; ends_at_ms: number; output_ms: number } {
    const { samples, endsAtMs, outputMs } = this.#player.sound.heard();
    return { samples, ends_at_ms: performance.timeOrigin + endsAtMs, output_ms: outputMs };
  }

  /** Where the picture lies on the page in CSS pixels, without the bars beside it. */
  pictureRect(): { left: number; top: number; width: number; height: number } | null {
    return this.#player.surfaces.rect;
  }

  /** RGBA of a box of the shown picture, in the picture's own pixels; null while there is none. */
  async readPixels(x: number, y: number, width: number, height: number): Promise<Pixels | null> {
    const box = { x, y, width, height };
    const { surfaces } = this.#player;
    if (surfaces.shown === null || width < 1 || height < 1) return null;
    if (surfaces.shown === "rtc") {
      const frame = surfaces.videoFrame();
      return frame && framePixels(frame, box, surfaces.picture?.width).finally(() => frame.close());
    }
    const id = this.nextId++;
    return new Promise((resolve) => {
      this.reads.set(id, resolve);
      this.#post({ type: "read_pixels", id, box });
    });
  }

  /** Calls back after each shown frame with the mean colours of `boxes`; one watcher at a time. Returns the end of it. */
  watch(boxes: Box[], callback: (frame: WatchedFrame) => void): () => void {
    this.boxes = boxes;
    this.callback = callback;
    this.#post({ type: "watch", boxes });
    return () => {
      if (this.callback !== callback) return;
      this.callback = null;
      this.boxes = [];
      this.#post({ type: "watch", boxes: [] });
    };
  }

  /** @internal */
  watched({ sequence, shownAtMs, colours }: Extract<FromWorker, { type: "watched" }>): void {
    if (this.#player.surfaces.shown === "frames") this.callback?.({ sequence, shown_at_ms: shownAtMs, colours });
  }

  /** @internal */
  async videoShown(): Promise<void> {
    const callback = this.callback;
    const frame = callback && this.#player.surfaces.shown === "rtc" ? this.#player.surfaces.videoFrame() : null;
    if (!callback || !frame) return;
    // What is read may be newer than the frame that the browser just told of: its time is now, not that frame's.
    const shown_at_ms = performance.timeOrigin + performance.now();
    const widthPx = this.#player.surfaces.picture?.width ?? frame.displayWidth;
    const colours = await frameColours(frame, this.boxes, widthPx).finally(() => frame.close());
    callback({ sequence: null, shown_at_ms, colours });
  }

  /** @internal */
  pixels(id: number, pixels: Pixels | null): void {
    this.reads.get(id)?.(pixels);
    this.reads.delete(id);
  }
}
