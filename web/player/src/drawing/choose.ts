/**
 * Chooses the way of drawing by measuring each on scratch canvases with a real frame, once, before the first picture shows. The choice
 * itself is pure.
 */

import type { Box } from "../media";
import { type CanvasWayName, type Context2d, contextOf, type DrawingWay } from "./base";
import { CopyTo, canCopyTo } from "./copy_to";
import { DrawImage } from "./draw_image";

/** The trial may delay the first picture by no more than this. */
const TRIAL_BUDGET_MS = 40;
const ROUNDS = 2;

export type Timings = Partial<Record<CanvasWayName, number[]>>;

/** The way whose best run was quickest; without any measurement, the one that works everywhere. */
export function quickest(timings: Timings): CanvasWayName {
  let best: CanvasWayName = "draw_image";
  let bestMs = Number.POSITIVE_INFINITY;
  for (const [name, runs] of Object.entries(timings) as [CanvasWayName, number[]][]) {
    const ms = Math.min(Number.POSITIVE_INFINITY, ...runs);
    if (ms < bestMs) {
      best = name;
      bestMs = ms;
    }
  }
  return best;
}

export function wayOf(name: CanvasWayName, context: Context2d): DrawingWay {
  return name === "copy_to" ? new CopyTo(context) : new DrawImage(context);
}

/** Measures with `frame`, which stays open. Reading one pixel back makes lazy drawing happen within the measured time. */
export async function measureWays(frame: VideoFrame): Promise<Timings> {
  const timings: Timings = {};
  const box: Box = { x: 0, y: 0, width: frame.codedWidth & ~1, height: frame.codedHeight & ~1 };
  const names: CanvasWayName[] = (await canCopyTo(frame)) ? ["copy_to", "draw_image"] : ["draw_image"];
  const began = performance.now();
  for (const name of names) {
    const context = contextOf(new OffscreenCanvas(box.width, box.height), name);
    const way = wayOf(name, context);
    const runs: number[] = [];
    for (let round = 0; round < ROUNDS && performance.now() - began < TRIAL_BUDGET_MS; round++) {
      const start = performance.now();
      await way.draw(frame, box);
      context.getImageData(0, 0, 1, 1);
      runs.push(performance.now() - start);
    }
    timings[name] = runs;
  }
  return timings;
}
