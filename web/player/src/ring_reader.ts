/**
 * The reading end of the sample ring: plays what the jitter buffer's judgement lets through, without a click. What is skipped, or played
 * once more, is joined where the sound resembles itself; what ends in nothing fades. On the audio thread; nothing of the browser's.
 */

import { mostAlike } from "./concealment";
import type { JitterBuffer } from "./jitter";
import { CHANNELS, type SampleRing } from "./ring";

/** 2.5 ms: how far from the wished place one is looked for. */
const REACH_FRAMES = 120;
/** What is left after a sample of a sound that ended in nothing. */
const DECAY = 0.96;

export class RingReader {
  private readonly last = new Float32Array(CHANNELS);
  private isSilent = true;

  constructor(
    private readonly ring: SampleRing,
    private readonly jitter: JitterBuffer,
  ) {}

  /** Fills `outputs`, an array a channel. */
  play(outputs: Float32Array[]): void {
    const wanted = outputs[0]?.length ?? 0;
    const { skip, play } = this.jitter.next(this.ring.available(), wanted);
    if (this.isSilent) {
      this.ring.skip(skip);
      this.ring.read(outputs, play);
      if (play > 0) this.fadeIn(outputs, play);
    } else if (skip !== 0 && play === wanted) {
      this.join(outputs, skip);
    } else {
      this.ring.read(outputs, play);
    }
    if (play < wanted) this.fadeOut(outputs, play);
    this.isSilent = play < wanted;
    outputs.forEach((output, channel) => {
      this.last[channel] = output[wanted - 1] ?? 0;
    });
  }

  /** Goes on about `skip` frames further on (below zero: back), where what is there is most like what would have come. */
  private join(outputs: Float32Array[], skip: number): void {
    const wanted = outputs[0]?.length ?? 0;
    const before = outputs.map(() => new Float32Array(wanted));
    this.ring.peek(before, 0, wanted);
    const most = this.ring.available() - wanted;
    const from = skip < 0 ? 2 * skip : Math.min(most, Math.max(0, skip - REACH_FRAMES));
    const to = skip < 0 ? Math.ceil(skip / 2) : Math.min(most, skip + REACH_FRAMES);
    this.ring.skip(from + mostAlike(this.mono(0, wanted), this.mono(from, to - from + wanted)));
    this.ring.read(outputs, wanted);
    outputs.forEach((output, channel) => {
      for (let frame = 0; frame < wanted; frame++) {
        const share = (frame + 0.5) / wanted;
        output[frame] = (output[frame] ?? 0) * share + (before[channel]?.[frame] ?? 0) * (1 - share);
      }
    });
  }

  private mono(offset: number, count: number): Float32Array {
    const channels = Array.from({ length: CHANNELS }, () => new Float32Array(count));
    this.ring.peek(channels, offset, count);
    return channels.reduce((sum, channel) => sum.map((sample, at) => sample + (channel[at] ?? 0)));
  }

  private fadeIn(outputs: Float32Array[], frames: number): void {
    for (const output of outputs) {
      for (let frame = 0; frame < frames; frame++) output[frame] = ((output[frame] ?? 0) * (frame + 1)) / frames;
    }
  }

  private fadeOut(outputs: Float32Array[], from: number): void {
    outputs.forEach((output, channel) => {
      let sample = from > 0 ? (output[from - 1] ?? 0) : (this.last[channel] ?? 0);
      for (let frame = from; frame < output.length; frame++) {
        sample *= DECAY;
        output[frame] = sample;
      }
    });
  }
}
