/** Sound over a network that loses, doubles and delays packets: what is heard of it goes on, without a click. */

import { expect, test } from "vitest";
import { Concealment, mostAlike } from "../src/concealment";
import { JitterBuffer } from "../src/jitter";
import { CHANNELS, ringMemory, SampleRing } from "../src/ring";
import { RingReader } from "../src/ring_reader";
import { type InOrder, type Numbered, PACKET_FRAMES, SoundOrder } from "../src/sound_order";
import { Struggle } from "../src/struggle";

const SECOND = 48_000;
const QUANTUM = 128;

/** A packet of the stream whose first has the number `number` = 0; its one byte of data says which. */
function packet(number: number, sequence: number | null = number): Numbered {
  const wrapped = sequence === null ? null : (65_530 + sequence) & 0xffff;
  return { sequence: wrapped, timestamp: (2 ** 32 - 1000 + number * PACKET_FRAMES) >>> 0, data: Uint8Array.of(number) };
}

function played(order: SoundOrder, packets: Numbered[]): [number, number][] {
  return packets.flatMap((one) => order.push(one)).map((one: InOrder) => [one.data[0] ?? -1, one.lostFrames]);
}

test("packets in order are played as they come, over the ends of their numbers", () => {
  const found = played(
    new SoundOrder(),
    Array.from({ length: 20 }, (_, number) => packet(number)),
  );
  expect(found).toEqual(Array.from({ length: 20 }, (_, number) => [number, 0]));
});

test("a lost packet is told, and not waited for", () => {
  expect(played(new SoundOrder(), [packet(0), packet(1), packet(3), packet(4)])).toEqual([
    [0, 0],
    [1, 0],
    [3, PACKET_FRAMES],
    [4, 0],
  ]);
});

test("a copy fills the hole of the first that was lost, and is nothing where it was not", () => {
  // On the wire: each packet, then the one before it once more.
  const wire = [packet(0, 0), packet(0, 1), packet(1, 3), packet(2, 4), packet(2, 5), packet(3, 6)];
  expect(played(new SoundOrder(), wire).map(([number, lost]) => [number, lost])).toEqual([
    [0, 0],
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
});

test("silence that was not sent is not made up for; a hole in the numbers too is", () => {
  const order = new SoundOrder();
  expect(played(order, [packet(0, 0), packet(5, 1)])).toEqual([
    [0, 0],
    [5, 0],
  ]);
  expect(played(order, [packet(9, 3)])).toEqual([[9, 3 * PACKET_FRAMES]]);
  expect(played(order, [packet(90, 70)])).toEqual([[90, 0]]);
});

test("where packets come in another order they are waited for, once that was seen", () => {
  const order = new SoundOrder();
  expect(played(order, [packet(0), packet(2), packet(1)])).toEqual([
    [0, 0],
    [2, PACKET_FRAMES],
  ]);
  expect(played(order, [packet(4), packet(3), packet(6), packet(5), packet(7)])).toEqual([
    [3, 0],
    [4, 0],
    [5, 0],
    [6, 0],
    [7, 0],
  ]);
  expect(played(order, [packet(9), packet(10), packet(11)])).toEqual([
    [9, PACKET_FRAMES],
    [10, 0],
    [11, 0],
  ]);
});

test("another stream begins where its first packet is", () => {
  const order = new SoundOrder();
  played(order, [packet(0), packet(1)]);
  const other = { ...packet(7), timestamp: 2 ** 31 };
  expect(played(order, [other])).toEqual([[7, 0]]);
  expect(played(order, [{ ...packet(8), timestamp: other.timestamp + PACKET_FRAMES }])).toEqual([[8, 0]]);
});

test("without numbers a small hole in time is a loss", () => {
  expect(played(new SoundOrder(), [packet(0, null), packet(2, null)])).toEqual([
    [0, 0],
    [2, PACKET_FRAMES],
  ]);
});

/** Something like a chord, interleaved, `frames` from `start` on. */
function chord(start: number, frames: number): Float32Array<ArrayBuffer> {
  const wave = (frame: number): number =>
    [220, 277, 330].reduce((sum, hz) => sum + 0.2 * Math.sin((2 * Math.PI * hz * frame) / SECOND), 0);
  return Float32Array.from({ length: frames * CHANNELS }, (_, at) => wave(start + Math.floor(at / CHANNELS)));
}

function left(interleaved: Float32Array): number[] {
  return [...interleaved].filter((_, at) => at % CHANNELS === 0);
}

function steepest(samples: number[]): number {
  return samples.reduce((most, sample, at) => Math.max(most, Math.abs(sample - (samples[at - 1] ?? sample))), 0);
}

function power(samples: number[]): number {
  return samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
}

test.each([0.01, 0.05, 0.1])(
  "with %f of the packets lost nothing clicks, and less is missing than with silence",
  (ratio) => {
    const concealment = new Concealment();
    let seed = 1;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const heard: number[] = [];
    let lostPackets = 0;
    for (let number = 0; number < 500; number++) {
      if (number > 10 && random() < ratio) {
        lostPackets += 1;
        heard.push(...left(concealment.lost(PACKET_FRAMES)));
      } else {
        heard.push(...left(concealment.heard(chord(number * PACKET_FRAMES, PACKET_FRAMES))));
      }
    }
    const meant = left(chord(0, 500 * PACKET_FRAMES));
    expect(lostPackets).toBeGreaterThan(0);
    expect(steepest(heard)).toBeLessThan(2 * steepest(meant));
    const missing = power(heard.map((sample, at) => sample - (meant[at] ?? 0)));
    expect(missing).toBeLessThan((0.5 * power(meant) * lostPackets) / 500);
  },
);

test("what stays away becomes silence", () => {
  const concealment = new Concealment();
  concealment.heard(chord(0, 4800));
  const madeUp = left(concealment.lost(4800));
  expect(power(madeUp.slice(0, 480))).toBeGreaterThan(0.03);
  expect(power(madeUp.slice(3000))).toBe(0);
});

test("the place that is most like a stretch is found", () => {
  const wave = Float32Array.from({ length: 1000 }, (_, at) => Math.sin(at * at * 1e-3));
  expect(mostAlike(wave.subarray(300, 428), wave)).toBe(300);
});

/** Plays `seconds` of a chord through the ring; packets come when `arrives` says so, seconds. */
function playRing(seconds: number, arrives: (packet: number) => number): { heard: number[]; jitter: JitterBuffer } {
  const ring = new SampleRing(ringMemory(false));
  const jitter = new JitterBuffer();
  const reader = new RingReader(ring, jitter);
  const outputs = [new Float32Array(QUANTUM), new Float32Array(QUANTUM)];
  const heard: number[] = [];
  let next = 0;
  for (let now = 0; now < seconds * SECOND; now += QUANTUM) {
    for (; arrives(next) * SECOND <= now; next++) ring.write(chord(next * PACKET_FRAMES, PACKET_FRAMES));
    for (const output of outputs) output.fill(0);
    reader.play(outputs);
    heard.push(...(outputs[0] ?? []));
  }
  return { heard, jitter };
}

test("skipping and stretching is not heard", () => {
  const bound = 1.6 * steepest(left(chord(0, SECOND)));
  // Late by more and more, then early by more and more.
  const slow = playRing(20, (number) => number * 0.01001);
  expect(slow.jitter.gaps).toBe(0);
  expect(steepest(slow.heard)).toBeLessThan(bound);
  const fast = playRing(20, (number) => number * 0.00999);
  expect(steepest(fast.heard)).toBeLessThan(bound);
});

test("running dry fades, and does not click", () => {
  const { heard, jitter } = playRing(3, (number) => number * 0.01 + (number >= 100 ? 0.1 : 0));
  expect(jitter.gaps).toBe(1);
  expect(steepest(heard)).toBeLessThan(2 * steepest(left(chord(0, SECOND))));
});

test("a loudspeaker that runs dry again and again struggles; one that did at the beginning does not", () => {
  const read = (perSecond: number[]): boolean[] => {
    const struggle = new Struggle();
    let underrunEvents = 0;
    return perSecond.map((events) => {
      underrunEvents += events;
      return struggle.read({ underrunEvents });
    });
  };
  expect(read([40, 3, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1])).not.toContain(true);
  expect(read([0, 2, 1, 0, 9, 3])).toEqual([false, false, false, false, false, true]);
});
