/** What the pages say of people, invitations and runners, without a browser. */

import { expect, test } from "vitest";
import { floorView, type Person } from "../../player/src/floor";
import { memoryWords, sessionWords } from "../src/pages/runners";
import { routeOf } from "../src/router";
import { playerWords } from "../src/watching/floor_chip";
import { about } from "../src/watching/invite";
import { linkOf } from "../src/watching/queries";

const ANN: Person = { peer_id: 1, name: "ann", rank: "owner", may_play: true, is_asking: false, has_pads: false };
const BEN: Person = { ...ANN, peer_id: 2, name: "Ben", rank: "guest" };

test("an invitation's address leads to its page, and what opens it stays in the browser", () => {
  const link = new URL(linkOf("https://dillinger.example", "abc234abc234", "s3cret"));
  expect(routeOf(link.pathname)).toEqual({ page: "join", invitationId: "abc234abc234" });
  expect(link.hash).toBe("#s3cret");
  expect(link.href.split("#")[0]).not.toContain("s3cret");
});

test("who plays, in words", () => {
  const people = { type: "people", player: 1 as number | null, people: [ANN, BEN] } as const;
  expect(playerWords(floorView({ ...people, people: [ANN, BEN] }, 2))).toBe("You are watching. ann plays.");
  expect(playerWords(floorView({ ...people, player: 2, people: [ANN, BEN] }, 1))).toContain("Ben (guest)");
  expect(playerWords(floorView({ ...people, player: null, people: [ANN, BEN] }, 1))).toBe("Nobody plays just now.");
});

test("how long an invitation is good and who came by it", () => {
  const one = {
    invitation_id: "abc234abc234",
    role: "viewer",
    created_by: "ann",
    created_at: "2026-11-21T12:00:00Z",
    expires_at: null,
    guests: 1,
  } as const;
  expect(about(one)).toBe("1 guest here, good until the game ends");
  expect(about({ ...one, guests: 0, expires_at: "2026-11-21T13:00:00Z" })).toMatch(
    /^0 guests here, good until .*2026|26/,
  );
});

test("a runner's room, and what an older one does not say", () => {
  expect(memoryWords({ free_memory_bytes: 3 * 1024 ** 3, memory_bytes: 8 * 1024 ** 3 })).toBe("3.0 of 8.0 GiB free");
  expect(memoryWords({ free_memory_bytes: 3 * 1024 ** 3, memory_bytes: null })).toBe("3.0 GiB free");
  expect(sessionWords({ sessions: 3, max_sessions: 8, waiting: 1 })).toBe("3 of 8, 1 waiting");
  expect(routeOf("/runners")).toEqual({ page: "runners" });
});
