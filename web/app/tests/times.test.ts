/** Where a picture's time goes, in words for whoever can't see the bar. */

import { expect, test } from "vitest";
import { summary } from "../src/play/times_view";

test("the bar in words: what the game's machine, the way and this browser take", () => {
  const stages = [
    { stage: "capture" as const, p50: 0.5, p95: 1 },
    { stage: "encode" as const, p50: 3, p95: 5 },
    { stage: "network" as const, p50: 12.25, p95: 20 },
    { stage: "decode" as const, p50: 1.5, p95: 2 },
  ];
  expect(summary(stages)).toBe("Game’s machine 3.5 ms, Way 12.3 ms, This browser 1.5 ms");
});
