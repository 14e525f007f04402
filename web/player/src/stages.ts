/**
 * Where the time of pictures goes, as the seat tells it (`contracts/stages.py` is the definition): measured stages in their order, and what
 * to do about them. Pure. What is no figure, or of a stage that this page does not know, is dropped.
 */

export const STAGES = [
  "wait",
  "capture",
  "convert",
  "encode",
  "queue",
  "packetise",
  "send",
  "relay",
  "network",
  "delivery",
  "decode",
  "paint",
] as const;

export type Stage = (typeof STAGES)[number];

export interface StageTime {
  stage: Stage;
  /** Milliseconds, median of the last second. */
  p50: number;
  p95: number;
}

export interface Advice {
  code: string;
  reason: string;
  action: string;
}

export interface Times {
  stages: StageTime[];
  advice: Advice[];
}

/** What a `server_stats` may hold of it; an older seat says nothing. */
export interface TimesTold {
  stages_ms_p50?: Partial<Record<Stage, number>>;
  stages_ms_p95?: Partial<Record<Stage, number>>;
  advice?: Advice[];
}

const MOST_ADVICE = 5;

/** null where nothing was measured. */
export function timesOf(told: TimesTold | null): Times | null {
  const [p50, p95] = [told?.stages_ms_p50 ?? {}, told?.stages_ms_p95 ?? {}];
  const stages = STAGES.flatMap((stage) => {
    const [median, most] = [p50[stage], p95[stage]];
    return isTime(median) ? [{ stage, p50: median, p95: isTime(most) ? most : median }] : [];
  });
  if (stages.length === 0) return null;
  return { stages, advice: (told?.advice ?? []).filter(isAdvice).slice(0, MOST_ADVICE) };
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isAdvice(value: unknown): value is Advice {
  if (typeof value !== "object" || value === null) return false;
  const { code, reason, action } = value as Record<string, unknown>;
  return [code, reason, action].every((text) => typeof text === "string");
}
