/** Who plays, as the page reads it: whatever the seat says, no button that makes no sense, and nothing that throws. */

import { expect, test } from "vitest";
import { calling, type FloorView, floorNews, floorView, NOBODY, type People, type Person } from "../src/floor";
import { parseFromSeat } from "../src/signal";

const ANN: Person = { peer_id: 1, name: "ann", rank: "owner", may_play: true, is_asking: false, has_pads: false };
const BEN: Person = { ...ANN, peer_id: 2, name: "Ben", rank: "guest" };
const CLEO: Person = { ...BEN, peer_id: 3, name: "Cleo", may_play: false };

function people(player: number | null, ...there: Person[]): People {
  return { type: "people", player, people: there };
}

test("the owner watches a guest and may take over, the guest can't", () => {
  const owner = floorView(people(2, ANN, BEN), 1);
  expect(owner).toMatchObject({ isPlaying: false, mayTake: true, mayAsk: false, decides: true, player: BEN });
  const guest = floorView(people(1, ANN, BEN), 2);
  expect(guest).toMatchObject({ isPlaying: false, mayTake: false, mayAsk: true, decides: false });
});

test("a watcher may do nothing, also while nobody plays", () => {
  for (const player of [null, 1]) {
    expect(floorView(people(player, ANN, CLEO), 3)).toMatchObject({ mayTake: false, mayAsk: false, decides: false });
  }
});

test("who asked is shown to who decides, and does not ask again", () => {
  const asking = { ...BEN, is_asking: true };
  expect(floorView(people(1, ANN, asking), 1).asking).toEqual([asking]);
  expect(floorView(people(1, ANN, asking, CLEO), 3).asking).toEqual([]);
  expect(floorView(people(1, ANN, asking), 2).mayAsk).toBe(false);
});

test("what changed is told", () => {
  const before = floorView(people(1, ANN, BEN), 1);
  expect(floorNews(NOBODY, before)).toBeNull();
  expect(floorNews(before, floorView(people(2, ANN, BEN), 1))).toBe("Ben (guest) plays now.");
  expect(floorNews(floorView(people(2, ANN, BEN), 1), before)).toBe("You play now.");
  expect(floorNews(before, floorView(people(null, ANN), 1))).toBe("Nobody plays now.");
  expect(floorNews(before, floorView(people(1, ANN, { ...BEN, has_pads: true }), 1))).toContain("gamepad");
});

test("a guest who calls themselves like the owner is told from them", () => {
  expect(calling({ ...BEN, name: "ann" })).not.toBe(calling(ANN));
});

/** A generator of numbers that are the same in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function holds(view: FloorView): void {
  if (view.isPlaying) expect([view.mayTake, view.mayAsk]).toEqual([false, false]);
  expect(view.mayTake && view.mayAsk).toBe(false);
  if (view.mayTake || view.mayAsk) expect(view.me?.may_play).toBe(true);
  if (view.asking.length > 0) expect(view.decides).toBe(true);
  expect(view.others).not.toContain(view.me);
}

test("whoever is there, and whatever garbage comes, the view makes sense", () => {
  const chance = seeded(1);
  const pick = <T>(...choices: T[]): T => choices[Math.floor(chance() * choices.length)] as T;
  for (let round = 0; round < 2000; round += 1) {
    const there = Array.from({ length: Math.floor(chance() * 4) }, (_, number) => ({
      peer_id: pick<unknown>(number, number, number, "1", null),
      name: pick<unknown>("ann", "", 7),
      rank: pick<unknown>("owner", "admin", "guest", "guest", "king"),
      may_play: pick<unknown>(true, false, 1),
      is_asking: pick<unknown>(true, false),
      has_pads: pick<unknown>(true, false, undefined),
    }));
    const message = {
      type: "people",
      player: pick<unknown>(null, 0, 1, 2, 9, "1", undefined),
      people: pick<unknown>(there, there, null, {}, [null]),
    };
    const read = parseFromSeat(JSON.stringify(message));
    if (read === null) continue;
    expect(read.type).toBe("people");
    for (let me = 0; me < 4; me += 1) holds(floorView(read as People, me));
  }
  expect(parseFromSeat(JSON.stringify(people(1, ANN, BEN)))).toEqual(people(1, ANN, BEN));
});
