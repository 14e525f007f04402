/**
 * Sound in place of packets that were lost: the last period of what was heard goes on, softer and softer, and passes over into what comes
 * next. Pure. Samples are interleaved (`CHANNELS`), 48 kHz.
 */

import { CHANNELS } from "./ring";

/** What is remembered: twice the longest period and the stretch that is compared. */
const MEMORY_FRAMES = 2400;
/** Periods of 400 down to 50 Hz. Whatever is higher repeats within those, too. */
const LEAST_PERIOD = 120;
const MOST_PERIOD = 960;
/** 5 ms: what is compared, and how long old and new overlap. */
const COMPARED_FRAMES = 240;
const OVERLAP_FRAMES = 240;
/** 1 ms: how the end of the period passes over into its beginning. */
const SEAM_FRAMES = 48;
const OFFSET_DECAY = 0.96;
/** After 10 ms it begins to get softer, after 60 it is silence. */
const FADE_FROM_FRAMES = 480;
const FADE_TO_FRAMES = 2880;

export class Concealment {
  private readonly memory = new Float32Array(MEMORY_FRAMES * CHANNELS);
  /** What goes on repeating; null while everything comes. */
  private period: Float32Array | null = null;
  /** A channel: how far what was heard last is from what comes before the period; it fades, so that nothing jumps. */
  private readonly offset = new Float32Array(CHANNELS);
  private madeUpFrames = 0;

  /** `samples` as they are to be played: their beginning grows out of what was made up before. */
  heard(samples: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    if (this.period !== null) {
      const overlap = Math.min(OVERLAP_FRAMES, samples.length / CHANNELS);
      const before = this.goOn(overlap);
      for (let at = 0; at < overlap * CHANNELS; at++) {
        const share = (Math.floor(at / CHANNELS) + 0.5) / overlap;
        samples[at] = (samples[at] ?? 0) * share + (before[at] ?? 0) * (1 - share);
      }
      this.period = null;
      this.madeUpFrames = 0;
    }
    this.remember(samples);
    return samples;
  }

  /** So many sample frames in place of what was lost. */
  lost(frames: number): Float32Array<ArrayBuffer> {
    this.period ??= this.lastPeriod();
    const madeUp = this.goOn(frames);
    this.remember(madeUp);
    return madeUp;
  }

  private goOn(frames: number): Float32Array<ArrayBuffer> {
    const period = this.period ?? new Float32Array(CHANNELS);
    const out = new Float32Array(frames * CHANNELS);
    for (let frame = 0; frame < frames; frame++, this.madeUpFrames++) {
      const fade = (FADE_TO_FRAMES - this.madeUpFrames) / (FADE_TO_FRAMES - FADE_FROM_FRAMES);
      const gain = Math.min(1, Math.max(0, fade));
      for (let channel = 0; channel < CHANNELS; channel++) {
        const at = (this.madeUpFrames * CHANNELS + channel) % period.length;
        const offset = (this.offset[channel] ?? 0) * OFFSET_DECAY;
        out[frame * CHANNELS + channel] = ((period[at] ?? 0) + offset) * gain;
        this.offset[channel] = offset;
      }
    }
    return out;
  }

  private remember(samples: Float32Array): void {
    const kept = Math.min(samples.length, this.memory.length);
    this.memory.copyWithin(0, kept);
    this.memory.set(samples.subarray(samples.length - kept), this.memory.length - kept);
  }

  /** The stretch at the end of what was heard that repeats best. */
  private lastPeriod(): Float32Array {
    const mono = new Float32Array(MEMORY_FRAMES);
    for (let frame = 0; frame < MEMORY_FRAMES; frame++) {
      for (let channel = 0; channel < CHANNELS; channel++)
        mono[frame] = (mono[frame] ?? 0) + (this.memory[frame * CHANNELS + channel] ?? 0);
    }
    const wanted = mono.subarray(MEMORY_FRAMES - COMPARED_FRAMES);
    const lags = MOST_PERIOD - LEAST_PERIOD;
    const from = MEMORY_FRAMES - COMPARED_FRAMES - MOST_PERIOD;
    const period = MOST_PERIOD - mostAlike(wanted, mono.subarray(from, from + lags + COMPARED_FRAMES));
    return this.loop(period);
  }

  /** The last `period` frames; their end passes over into what was before their beginning, which follows when they repeat. */
  private loop(period: number): Float32Array {
    const start = this.memory.length - period * CHANNELS;
    const loop = this.memory.slice(start);
    const seam = SEAM_FRAMES * CHANNELS;
    for (let at = 0; at < seam; at++) {
      const share = (Math.floor(at / CHANNELS) + 1) / SEAM_FRAMES;
      const end = loop.length - seam + at;
      loop[end] = (loop[end] ?? 0) * (1 - share) + (this.memory[start - seam + at] ?? 0) * share;
    }
    for (let channel = 0; channel < CHANNELS; channel++) {
      const last = this.memory[this.memory.length - CHANNELS + channel] ?? 0;
      this.offset[channel] = last - (this.memory[start - CHANNELS + channel] ?? 0);
    }
    return loop;
  }
}

/** Where in `searched` lies what is most like `wanted`, by normalized correlation. */
export function mostAlike(wanted: Float32Array, searched: Float32Array): number {
  let best = 0;
  let bestLikeness = Number.NEGATIVE_INFINITY;
  for (let start = 0; start + wanted.length <= searched.length; start++) {
    let product = 0;
    let energy = 1e-9;
    for (let at = 0; at < wanted.length; at++) {
      const sample = searched[start + at] ?? 0;
      product += (wanted[at] ?? 0) * sample;
      energy += sample * sample;
    }
    const likeness = product / Math.sqrt(energy);
    if (likeness > bestLikeness) [best, bestLikeness] = [start, likeness];
  }
  return best;
}
