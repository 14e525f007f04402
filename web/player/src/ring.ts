/**
 * A ring of interleaved stereo samples with one writer and one reader, over shared memory where the page is isolated (the worker
 * writes, the audio thread reads) or over plain memory (both sides are the audio thread). No locks: each side moves one index.
 */

export const CHANNELS = 2;
const CAPACITY = 48_000;

export type RingMemory = SharedArrayBuffer | ArrayBuffer;

/** Memory for one second of sound: two indices, then the samples. */
export function ringMemory(isShared: boolean): RingMemory {
  const bytes = 8 + CAPACITY * CHANNELS * 4;
  return isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}

export class SampleRing {
  private readonly indices: Int32Array;
  private readonly samples: Float32Array;

  constructor(memory: RingMemory) {
    this.indices = new Int32Array(memory, 0, 2);
    this.samples = new Float32Array(memory, 8);
  }

  /** Sample frames that can be read. */
  available(): number {
    return (Atomics.load(this.indices, 0) - Atomics.load(this.indices, 1) + 2 * CAPACITY) % (2 * CAPACITY);
  }

  /** Writes as many sample frames as there is room for; the rest is lost, since the reader decides what is too late. */
  write(interleaved: Float32Array): number {
    const count = Math.min(interleaved.length / CHANNELS, CAPACITY - this.available());
    const start = Atomics.load(this.indices, 0);
    for (let frame = 0; frame < count; frame++) {
      const at = ((start + frame) % CAPACITY) * CHANNELS;
      for (let channel = 0; channel < CHANNELS; channel++) {
        this.samples[at + channel] = interleaved[frame * CHANNELS + channel] ?? 0;
      }
    }
    Atomics.store(this.indices, 0, (start + count) % (2 * CAPACITY));
    return count;
  }

  /** Goes `count` sample frames on; below zero, back to what was read before. */
  skip(count: number): void {
    const start = Atomics.load(this.indices, 1);
    Atomics.store(this.indices, 1, (start + Math.min(count, this.available()) + 2 * CAPACITY) % (2 * CAPACITY));
  }

  /** Reads `count` sample frames into one array a channel. */
  read(outputs: Float32Array[], count: number): void {
    this.peek(outputs, 0, count);
    this.skip(count);
  }

  /** Copies `count` sample frames from `offset` on into one array a channel, and leaves them there. */
  peek(outputs: Float32Array[], offset: number, count: number): void {
    const start = Atomics.load(this.indices, 1) + offset + 2 * CAPACITY;
    for (let frame = 0; frame < count; frame++) {
      const at = ((start + frame) % CAPACITY) * CHANNELS;
      outputs.forEach((output, channel) => {
        output[frame] = this.samples[at + Math.min(channel, CHANNELS - 1)] ?? 0;
      });
    }
  }
}
