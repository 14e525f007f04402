/** Stage times and advice are taken from a seat as far as they are what they should be. */

import { expect, test } from "vitest";
import { parseFromSeat } from "../src/signal";
import { STAGES, type TimesTold, timesOf } from "../src/stages";

test("an older seat and a still picture tell of no times", () => {
  expect(timesOf(null)).toBeNull();
  expect(timesOf({})).toBeNull();
  expect(timesOf({ stages_ms_p50: {}, stages_ms_p95: {}, advice: [] })).toBeNull();
});

test("stages come in the order in which a picture goes through them", () => {
  const p50 = Object.fromEntries([...STAGES].reverse().map((stage, place) => [stage, place]));
  const times = timesOf({ stages_ms_p50: p50, stages_ms_p95: { encode: 9 } });
  expect(times?.stages.map(({ stage }) => stage)).toEqual([...STAGES]);
  expect(times?.stages.find(({ stage }) => stage === "encode")).toEqual({ stage: "encode", p50: 8, p95: 9 });
});

test("what is no figure, no advice or unknown here is dropped", () => {
  const told: unknown = {
    stages_ms_p50: { encode: 2, decode: "soon", send: Number.NaN, paint: -1, teleport: 3 },
    stages_ms_p95: { encode: null },
    advice: [null, 7, { code: "x" }, { code: "loss", reason: "5 % are lost", action: "Use a cable" }],
  };
  expect(timesOf(told as TimesTold)).toEqual({
    stages: [{ stage: "encode", p50: 2, p95: 2 }],
    advice: [{ code: "loss", reason: "5 % are lost", action: "Use a cable" }],
  });
});

test("a message whose times are no times at all is dropped as a whole", () => {
  const stats = { type: "server_stats", stages_ms_p50: { encode: 2 }, advice: [] };
  expect(parseFromSeat(JSON.stringify(stats))).toMatchObject(stats);
  expect(parseFromSeat(JSON.stringify({ ...stats, stages_ms_p50: 7 }))).toBeNull();
  expect(parseFromSeat(JSON.stringify({ ...stats, advice: "none" }))).toBeNull();
});
