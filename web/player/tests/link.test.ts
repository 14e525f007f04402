/** The link's life: quick first retries, a fresh ticket each time, patience later, and an end that stays one. */

import { expect, test } from "vitest";
import {
  CONNECT_DEADLINE_MS,
  DOUBT_LIMIT_MS,
  IDLE,
  isSilent,
  type LinkEvent,
  type LinkState,
  SILENCE_LIMIT_MS,
  type Step,
  step,
} from "../src/link";

function run(events: LinkEvent[], from: LinkState = IDLE, nowMs = 0): Step {
  return events.reduce<Step>((before, event) => step(before.state, event, nowMs, 0.5), { state: from, effects: [] });
}

const OPEN: LinkEvent[] = [{ type: "start" }, { type: "ticket", ticket: "t" }, { type: "welcome" }];
const LOST: LinkEvent = { type: "lost", code: 1006, message: "" };

test("from the start to an open link", () => {
  expect(run(OPEN.slice(0, 1)).effects).toContainEqual({ type: "ask_ticket" });
  expect(run(OPEN.slice(0, 2)).effects).toEqual([
    { type: "open_socket", ticket: "t" },
    { type: "set_timer", ms: CONNECT_DEADLINE_MS },
  ]);
  expect(run(OPEN).state).toMatchObject({ phase: "open", hasBeenOpen: true });
});

test("a lost link is tried again at once, with a fresh ticket, then ever more patiently", () => {
  let state = run([...OPEN, LOST], IDLE).state;
  const waits: number[] = [];
  for (let attempt = 0; attempt < 9; attempt++) {
    const asked = step(state, { type: "timer" }, 0, 0.5);
    expect(asked.effects[0]).toEqual({ type: "ask_ticket" });
    const lost = run([{ type: "ticket", ticket: "t" }, LOST], asked.state);
    state = lost.state;
    const timer = lost.effects.find((effect) => effect.type === "set_timer");
    waits.push(timer?.type === "set_timer" ? timer.ms : -1);
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000]);
});

test("waits are spread, so that a hundred viewers do not come back in step", () => {
  const lost = (chance: number): number => {
    const effect = step(run(OPEN).state, LOST, 0, chance).effects.find((one) => one.type === "set_timer");
    return effect?.type === "set_timer" ? effect.ms : -1;
  };
  expect([lost(0), lost(0.999)]).toEqual([40, 60]);
});

test("a link that stood for a while starts over with quick retries", () => {
  const tired: LinkState = { ...run(OPEN).state, attempts: 6, openedAtMs: 0 };
  expect(step(tired, LOST, 6000, 0.5).state.attempts).toBe(1);
  expect(step(tired, LOST, 1000, 0.5).state.attempts).toBe(7);
});

test("when the network is back the wait is cut short", () => {
  const waiting = run([...OPEN, LOST]).state;
  expect(step(waiting, { type: "online" }, 0, 0.5).effects[0]).toEqual({ type: "ask_ticket" });
});

test("a ticket that can't be had is asked for again, unless that is final", () => {
  const asking = run([{ type: "start" }]).state;
  const passing = step(asking, { type: "ticket_refused", isFinal: false, message: "away" }, 0, 0.5);
  expect(passing.state).toMatchObject({ phase: "waiting", fault: "away" });
  const final = step(asking, { type: "ticket_refused", isFinal: true, message: "gone" }, 0, 0.5);
  expect(final.state).toMatchObject({ phase: "failed", fault: "gone" });
});

test("a silent seat is given up after the deadline", () => {
  const connecting = run(OPEN.slice(0, 2)).state;
  expect(step(connecting, { type: "timer" }, 0, 0.5).state.phase).toBe("waiting");
});

test("a link is silent after a while, and sooner when the device's network has changed", () => {
  expect(isSilent(1000, 0, 1000 + SILENCE_LIMIT_MS)).toBe(false);
  expect(isSilent(1000, 0, 1001 + SILENCE_LIMIT_MS)).toBe(true);
  expect(isSilent(1000, 2000, 2000 + DOUBT_LIMIT_MS)).toBe(false);
  expect(isSilent(1000, 2000, 2001 + DOUBT_LIMIT_MS)).toBe(true);
  expect(isSilent(2100, 2000, 2001 + DOUBT_LIMIT_MS)).toBe(false);
});

test.each([4404, 4422, 4501])("close code %i is final", (code) => {
  expect(run([...OPEN, { type: "lost", code, message: "" }]).state.phase).toBe("failed");
});

test("after the end nothing brings it back", () => {
  const ended = run([...OPEN, { type: "ended" }]).state;
  for (const event of [...OPEN, LOST, { type: "timer" }, { type: "online" }, { type: "leave" }] as LinkEvent[]) {
    expect(step(ended, event, 0, 0.5)).toEqual({ state: ended, effects: [] });
  }
});

test("events out of place change nothing", () => {
  expect(run([{ type: "welcome" }, { type: "ticket", ticket: "t" }, { type: "timer" }, LOST]).state).toEqual(IDLE);
});
