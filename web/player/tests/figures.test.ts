/** Figures are measured or unknown, and the way of drawing is the quickest that was measured. */

import { expect, test } from "vitest";
import { quickest } from "../src/drawing/choose";
import { rates } from "../src/rtc";
import { type Measured, playerStats } from "../src/stats";
import { Median, Rate } from "../src/window";

test("the quickest way of drawing wins by its best run", () => {
  expect(quickest({ copy_to: [3, 0.6], draw_image: [12, 8] })).toBe("copy_to");
  expect(quickest({ copy_to: [5, 4.8], draw_image: [9, 0.4] })).toBe("draw_image");
});

test("without a measurement the way that works everywhere is taken", () => {
  expect(quickest({})).toBe("draw_image");
  expect(quickest({ copy_to: [], draw_image: [] })).toBe("draw_image");
});

test("a rate counts the last second only, and is unknown before the first", () => {
  const rate = new Rate();
  expect(rate.perSecond(0)).toBeNull();
  for (let now = 0; now < 2000; now += 20) rate.add(now);
  expect(rate.perSecond(1990)).toBe(50);
  expect(rate.perSecond(5000)).toBe(0);
});

test("a median forgets what is long ago", () => {
  const median = new Median(3);
  expect(median.value()).toBeNull();
  for (const value of [100, 1, 3, 2]) median.add(value);
  expect(median.value()).toBe(2);
});

const NOTHING: Measured = {
  transport: null,
  transportReason: null,
  codec: null,
  picture: null,
  worker: null,
  rtc: null,
  videoFps: null,
  presentedFps: null,
  server: null,
  soundBufferMs: null,
};

test("what nobody measured is unknown", () => {
  expect(Object.values(playerStats(NOTHING)).every((value) => value === null)).toBe(true);
});

test("over a WebSocket loss can't be seen, over WebRTC it is what was counted", () => {
  const rtc = { rttMs: 2, lossRatio: 0.01, bitrateBps: 5e6, decodeMs: 1 };
  expect(playerStats({ ...NOTHING, transport: "websocket", rtc }).loss_ratio).toBeNull();
  expect(playerStats({ ...NOTHING, transport: "webrtc", rtc })).toMatchObject({ loss_ratio: 0.01, rtt_ms: 2 });
});

test("rates out of two readings of WebRTC's counters", () => {
  const before = { atMs: 0, bytes: 1000, lost: 2, received: 100, decodeS: 0.1, decoded: 10 };
  const now = { atMs: 2000, bytes: 251_000, lost: 12, received: 190, decodeS: 0.13, decoded: 40 };
  expect(rates(before, now)).toEqual({ lossRatio: 0.1, bitrateBps: 1_000_000, decodeMs: expect.closeTo(1) });
  expect(rates(now, { ...now, atMs: 3000 })).toEqual({ lossRatio: null, bitrateBps: 0, decodeMs: null });
});
