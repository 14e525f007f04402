/** The jitter buffer: waits for its target, asks for more when it runs dry, throws away what would stay late. */

import { expect, test } from "vitest";
import { JitterBuffer, LEAST_MARGIN, MOST_MARGIN } from "../src/jitter";
import { ringMemory, SampleRing } from "../src/ring";

const QUANTUM = 128;
const PACKET = 480;
const SECOND = 48_000;

/** Plays for `seconds`; packets of 10 ms come when `arrives` says so. Returns what was heard of it. */
function play(seconds: number, arrives: (packet: number) => number, jitter = new JitterBuffer()) {
  let available = 0;
  let played = 0;
  let gaps = 0;
  let packet = 0;
  for (let now = 0; now < seconds * SECOND; now += QUANTUM) {
    while (arrives(packet) * SECOND <= now) {
      available += PACKET;
      packet += 1;
    }
    const verdict = jitter.next(available, QUANTUM);
    available -= verdict.skip + verdict.play; // what is played once more lies there again
    expect(available).toBeGreaterThanOrEqual(0);
    played += verdict.play;
    if (verdict.play < QUANTUM) gaps += 1;
  }
  return { available, played, gaps, jitter };
}

test("a steady stream plays without a gap after the first wait", () => {
  const { gaps, available } = play(5, (packet) => packet * 0.01);
  expect(gaps).toBeLessThanOrEqual(Math.ceil(0.05 * SECOND) / QUANTUM);
  expect(available).toBeLessThan(0.06 * SECOND);
});

test("what waits grows until a jittery network is no longer heard", () => {
  const late = (packet: number): number => packet * 0.01 + (packet % 50 >= 40 ? 0.08 : 0);
  const { jitter } = play(20, late);
  expect(jitter.margin).toBeLessThanOrEqual(MOST_MARGIN);
  expect(jitter.gaps).toBeLessThan(4);
  const before = jitter.gaps;
  play(20, late, jitter);
  expect(jitter.gaps - before).toBeLessThanOrEqual(1); // the second stream begins anew, which may cost one
});

test("calm lowers the margin to its least, later each time that it was needed after all", () => {
  const { jitter, gaps } = play(60, (packet) => packet * 0.01);
  expect(jitter.margin).toBeLessThan(LEAST_MARGIN + 0.001 * SECOND);
  expect(gaps * QUANTUM).toBeLessThan(0.06 * SECOND);
  const everyFive = (packet: number): number => packet * 0.01 + (packet % 500 > 497 ? 0.02 : 0);
  expect(play(240, everyFive).jitter.gaps).toBeLessThan(8);
});

test.each([1 - 200e-6, 1 + 200e-6])("a clock %f times as fast as ours costs no gap", (factor) => {
  const { jitter, available } = play(120, (packet) => packet * 0.01 * factor);
  expect(jitter.gaps).toBe(0);
  expect(available).toBeLessThan(0.05 * SECOND);
});

test("a burst after a hole does not stay late", () => {
  const burst = (packet: number): number => (packet < 20 ? 0 : (packet - 20) * 0.01);
  const { available } = play(6, burst);
  expect(available).toBeLessThan(0.08 * SECOND);
});

test("silence that the seat did not send is no reason for a longer buffer", () => {
  const pauses = (packet: number): number => packet * 0.01 + Math.floor(packet / 100);
  const before = new JitterBuffer().margin;
  const { jitter } = play(8, pauses);
  expect(jitter.margin).toBeLessThanOrEqual(before);
  expect(jitter.gaps).toBe(0);
});

test("what piled up while nobody listened is skipped", () => {
  const jitter = new JitterBuffer();
  const verdict = jitter.next(SECOND, QUANTUM);
  expect(SECOND - verdict.skip).toBe(jitter.target);
});

test("the ring gives back what was written, in order, over its end", () => {
  const ring = new SampleRing(ringMemory(false));
  const left = new Float32Array(1000);
  const right = new Float32Array(1000);
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 200; round++) {
    const chunk = Float32Array.from({ length: 2000 }, (_, at) => (next + (at >> 1)) * (at % 2 === 0 ? 1 : -1));
    next += ring.write(chunk);
    ring.read([left, right], 1000);
    for (let frame = 0; frame < 1000; frame++, expected++) {
      if (left[frame] !== Math.fround(expected) || right[frame] !== -Math.fround(expected)) {
        throw new Error(`sample ${expected} is ${left[frame]}, ${right[frame]}`);
      }
    }
  }
  expect(ring.available()).toBe(0);
});

test("a full ring takes no more, and says how much it took", () => {
  const ring = new SampleRing(ringMemory(false));
  expect(ring.write(new Float32Array(2 * 40_000))).toBe(40_000);
  expect(ring.write(new Float32Array(2 * 40_000))).toBe(8_000);
  ring.skip(100_000);
  expect(ring.available()).toBe(0);
});

test("what hiccups at the beginning cost is given up soon after", () => {
  const busy = (packet: number): number => packet * 0.01 + (packet < 300 && packet % 100 > 90 ? 0.07 : 0);
  const { jitter } = play(12, busy);
  expect(jitter.gaps).toBeGreaterThan(0);
  expect(jitter.margin).toBeLessThan(0.02 * SECOND);
});
