/**
 * Access units in, frames out: WebCodecs' decoder kept at work. It starts at a keyframe, asks for one where it can't go on, and never
 * lets a queue build up: late pictures are worth nothing. Owned by the worker.
 */

import { decoderConfig } from "./decoders";
import type { Size } from "./letterbox";
import type { PictureMessage } from "./media";
import type { FrameFacts } from "./screen";
import type { VideoConfig } from "./signal";

/** More frames than this inside the decoder means that it can't keep up. */
const MAX_QUEUE = 12;
const ASK_AGAIN_MS = 700;

type Pending = Omit<FrameFacts, "decodedAtMs">;

export interface PictureDecoderEvents {
  onFrame(frame: VideoFrame, facts: FrameFacts): void;
  askKeyframe(): void;
  /** This browser can't decode what the seat sends. */
  onUnsupported(message: string): void;
}

export class PictureDecoder {
  private decoder: VideoDecoder | null = null;
  private codec: string | null = null;
  /** What the pictures are of, where that is larger than they are. */
  private desktop: Size | null = null;
  private configured: string | null = null;
  private needsKeyframe = true;
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private lastSequence: number | null = null;
  private timestamp = 0;
  private failures = 0;
  private readonly pending = new Map<number, Pending>();

  constructor(private readonly events: PictureDecoderEvents) {}

  /** What the stream is from the next keyframe on. */
  setConfig(config: VideoConfig): void {
    this.codec = config.codec;
    const { desktop_width_px: width, desktop_height_px: height } = config;
    this.desktop = width && height ? { width, height } : null;
  }

  push(message: PictureMessage, nowMs: number): void {
    if (message.isKeyframe) this.begin();
    if (this.needsKeyframe || !this.decoder) {
      this.ask(nowMs);
      return;
    }
    if (this.decoder.decodeQueueSize > MAX_QUEUE) {
      this.restart();
      this.ask(nowMs);
      return;
    }
    const isNext = this.lastSequence !== null && message.sequence === (this.lastSequence + 1) >>> 0;
    this.lastSequence = message.sequence;
    this.timestamp += 1;
    const coded = { width: message.widthPx, height: message.heightPx };
    this.pending.set(this.timestamp, {
      sequence: message.sequence,
      capturedAtUs: message.capturedAtUs,
      receivedAtMs: nowMs,
      desktop: this.desktop ?? coded,
      coded,
      box: message.box,
      isWhole: message.isKeyframe || !isNext,
    });
    const type = message.isKeyframe ? "key" : "delta";
    try {
      this.decoder.decode(new EncodedVideoChunk({ type, timestamp: this.timestamp, data: message.data }));
    } catch (error) {
      this.fail(this.decoder, error as DOMException); // what is called a keyframe is none
    }
  }

  /** Forgets what was decoded: the link or the transport changed, and the next frame is a keyframe. */
  restart(): void {
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
    this.configured = null;
    this.needsKeyframe = true;
    this.lastSequence = null;
    this.askedAtMs = Number.NEGATIVE_INFINITY;
    this.pending.clear();
  }

  private begin(): void {
    if (!this.codec) return;
    if (!this.decoder || this.decoder.state === "closed") {
      const decoder = new VideoDecoder({
        output: (frame) => this.output(frame),
        error: (error) => this.fail(decoder, error),
      });
      this.decoder = decoder;
      this.configured = null;
    }
    if (this.configured !== this.codec) {
      this.decoder.configure(decoderConfig(this.codec));
      this.configured = this.codec;
    }
    this.needsKeyframe = false;
  }

  private output(frame: VideoFrame): void {
    const facts = this.pending.get(frame.timestamp);
    this.pending.delete(frame.timestamp);
    if (!facts) {
      frame.close();
      return;
    }
    this.failures = 0;
    this.events.onFrame(frame, { ...facts, decodedAtMs: performance.now() });
  }

  private fail(decoder: VideoDecoder, error: DOMException): void {
    if (decoder !== this.decoder) return;
    this.failures += 1;
    this.restart();
    if (error.name === "NotSupportedError" || this.failures >= 10) {
      this.events.onUnsupported(`This browser can't decode ${this.codec ?? "the picture"}: ${error.message}`);
      return;
    }
    this.ask(performance.now());
  }

  private ask(nowMs: number): void {
    if (nowMs - this.askedAtMs < ASK_AGAIN_MS) return;
    this.askedAtMs = nowMs;
    this.events.askKeyframe();
  }
}
