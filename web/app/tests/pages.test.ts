/** What the pages say and decide, without a browser. */

import { expect, test } from "vitest";
import { withSession } from "../src/api/queries";
import type { GameCard, SessionView } from "../src/api/types";
import { found, resumable } from "../src/pages/library";
import { passwordFault } from "../src/pages/login";
import { desktopSize } from "../src/play/desktop_size";
import { isCleanExit } from "../src/play/end_view";
import { wishOf } from "../src/play/limits_panel";
import { DEFAULTS, profileOf, readPreferences } from "../src/preferences";
import { routeOf } from "../src/router";
import { coverArt, PALETTES } from "../src/ui/cover_art";
import { ago, bitrate, endWords, figure, milliseconds, nowWords, queueWords, stepWords, waitWords } from "../src/words";

test("addresses and their pages", () => {
  expect(routeOf("/")).toEqual({ page: "library" });
  expect(routeOf("/play/abc")).toEqual({ page: "play", sessionId: "abc" });
  expect(routeOf("/settings/")).toEqual({ page: "settings" });
  for (const path of ["/play", "/play/a/b", "/nowhere"]) expect(routeOf(path)).toEqual({ page: "unknown" });
});

test("broken or foreign preferences become the defaults", () => {
  for (const stored of [null, "", "{", "null", "[]", '"x"', '{"theme":"pink","volume":"loud","quality":7}']) {
    expect(readPreferences(stored)).toEqual(DEFAULTS);
  }
  expect(readPreferences('{"theme":"dark","volume":7,"isMuted":true}')).toMatchObject({
    theme: "dark",
    volume: 1,
    isMuted: true,
  });
});

test("a lower quality asks for less, never for another size", () => {
  const [sharp, balanced, saver] = [profileOf("sharp"), profileOf("balanced"), profileOf("saver")];
  expect(sharp.bitrate_bps).toBeGreaterThan(balanced.bitrate_bps);
  expect(balanced.bitrate_bps).toBeGreaterThan(saver.bitrate_bps);
  expect(new Set([sharp, balanced, saver].map((profile) => `${profile.width_px}x${profile.height_px}`)).size).toBe(1);
});

test.each([
  ["a window of 720 lines", { width: 1280, height: 720 }, { width: 1280, height: 720 }],
  ["odd numbers", { width: 1921, height: 1081 }, { width: 1920, height: 1080 }],
  ["a phone on its side", { width: 844, height: 390 }, { width: 1558, height: 720 }],
  ["a phone held upright", { width: 390, height: 844 }, { width: 1280, height: 720 }],
  ["a wall of pixels", { width: 3840, height: 2160 }, { width: 2560, height: 1440 }],
])("the desktop for %s", (_, stage, wanted) => {
  expect(desktopSize(stage)).toEqual(wanted);
});

test("every desktop is even and within what the seat takes", () => {
  for (let width = 100; width < 8000; width += 97) {
    for (let height = 100; height < 4500; height += 89) {
      const size = desktopSize({ width, height });
      expect(size && size.width % 2 === 0 && size.height % 2 === 0).toBe(true);
      expect(size && size.width >= 160 && size.width <= 7680 && size.height >= 120 && size.height <= 4320).toBe(true);
    }
  }
  expect(desktopSize({ width: 0, height: 0 })).toBeNull();
});

test("the same title has the same cover", () => {
  expect(coverArt("Freedoom: Phase 1")).toEqual(
    coverArt(" freedoom: phase 1 ".trim().replace("f", "F").replace("p", "P")),
  );
  for (const title of ["", "東京", "OpenTTD", "x".repeat(200)]) {
    const art = coverArt(title);
    expect(art.palette).toBeLessThan(PALETTES);
    expect(art.bars.every((bar) => bar > 0 && bar <= 1)).toBe(true);
  }
  expect(coverArt("Freedoom: Phase 1").monogram).toBe("FP");
  expect(coverArt("東京 – 2").monogram).toBe("東2");
});

const GAME: GameCard = {
  game_id: "a",
  title: "A",
  summary: "",
  launch_kind: "native",
  icon_url: null,
  is_playable: true,
  problem: null,
  warning: null,
};

test("search looks at titles and summaries, playable games come first", () => {
  const games = [
    { ...GAME, title: "Zed", summary: "trains" },
    { ...GAME, title: "Broken trains", is_playable: false },
    { ...GAME, title: "Chess" },
  ];
  expect(found(games, "TRAIN").map((game) => game.title)).toEqual(["Zed", "Broken trains"]);
  expect(found(games, " ").map((game) => game.title)).toEqual(["Chess", "Zed", "Broken trains"]);
});

const SESSION: SessionView = {
  session_id: "one",
  game_id: "a",
  game_title: "A",
  user_name: "admin",
  state: "ready",
  created_at: "2026-01-01T00:00:00Z",
  ended_at: null,
  steps: [],
  peers: 0,
  show: "stream",
  queue: null,
  end: null,
};

test("a start says which step is under way and how much of it is done", () => {
  const step = { name: "template", duration_ms: 900, share_done: 0.421 };
  const starting = { ...SESSION, state: "placing" as const };
  expect(nowWords({ ...starting, steps: [step] })).toBe("Making Wine ready, once for all its games: 42 %");
  expect(nowWords({ ...starting, steps: [{ ...step, share_done: 0.99 }] })).toMatch(/nearly done/);
  expect(nowWords({ ...starting, steps: [{ ...step, share_done: null }] })).toBe("Finding a place");
});

test("a session that changes is there once, the newest first", () => {
  const newer = { ...SESSION, session_id: "two", created_at: "2026-01-02T00:00:00Z" };
  const all = withSession(withSession([SESSION], newer), { ...SESSION, state: "ended" });
  expect(all.map((one) => [one.session_id, one.state])).toEqual([
    ["two", "ready"],
    ["one", "ended"],
  ]);
});

test("a card resumes the person's own game, not another's and not one that is ending", () => {
  expect(resumable([SESSION], "a", "admin")).toBe(SESSION);
  expect(resumable([SESSION], "b", "admin")).toBeNull();
  expect(resumable([SESSION], "a", "ada")).toBeNull();
  expect(resumable([{ ...SESSION, state: "stopping" }], "a", "admin")).toBeNull();
});

test("a log is folded only after a clean exit", () => {
  const end = { reason: "game_exited", message: "", exit_code: 0, signal: null, log_tail: ["bye"], ended_at: "" };
  expect(isCleanExit(end)).toBe(true);
  expect(isCleanExit({ ...end, exit_code: 3 })).toBe(false);
  expect(isCleanExit({ ...end, reason: "game_crashed" })).toBe(false);
});

test("a wait is told in minutes and seconds, rounded up", () => {
  expect([0.2, 45, 59.5, 120, 250].map(waitWords)).toEqual(["1 s", "45 s", "1 min", "2 min", "4 min 10 s"]);
});

test("every reason has its words, an unknown one too", () => {
  const reasons = ["user_stop", "admin_stop", "game_exited", "game_crashed", "idle_timeout", "time_limit", "refused"];
  reasons.push(
    "placement_failed",
    "start_timeout",
    "out_of_memory",
    "out_of_disk",
    "seat_lost",
    "cell_lost",
    "screen_lost",
    "internal",
  );
  expect(new Set(reasons.map((reason) => endWords({ reason }).title)).size).toBe(reasons.length);
  expect(endWords({ reason: "constructor" }).title).toBe("It’s over");
});

test("figures that are not measured are dashes", () => {
  expect([figure(null, "ms"), figure(undefined, ""), figure(Number.NaN, "ms"), bitrate(null)]).toEqual([
    "–",
    "–",
    "–",
    "–",
  ]);
  expect([figure(0, "fps"), figure(12.34, "ms", 1), figure(3, "")]).toEqual(["0 fps", "12.3 ms", "3"]);
  expect([bitrate(58_272), bitrate(12_000_000)]).toEqual(["58 kbit/s", "12.0 Mbit/s"]);
});

test("times in words", () => {
  expect([milliseconds(3.2), milliseconds(1234), milliseconds(12_345)]).toEqual(["3 ms", "1.2 s", "12 s"]);
  expect([stepWords("cell"), stepWords("save_copied")]).toEqual(["Cell locked", "Save copied"]);
  const hour = 3_600_000;
  const start = "2026-01-01T00:00:00Z";
  const at = Date.parse(start);
  expect([ago(start, at), ago(start, at + hour / 2), ago(start, at + 3 * hour), ago(start, at + 72 * hour)]).toEqual([
    "just now",
    "30 min",
    "3 h 0 min",
    "3 days",
  ]);
});

test("a new password is long enough and the same twice", () => {
  expect(passwordFault("short", "short")).not.toBeNull();
  expect(passwordFault("long enough", "long enaugh")).not.toBeNull();
  expect(passwordFault("long enough", "long enough")).toBeNull();
});

test("only what was changed of a session's limits is asked for", () => {
  const limits = { memory_bytes: 4096 * (1 << 20), cpu_cores: 4, pids: 512, is_changeable: true, problem: null };
  expect(wishOf(limits, { memoryMib: "4096", cores: "4", pids: "512" })).toEqual({});
  expect(wishOf(limits, { memoryMib: "6144", cores: "0.5", pids: "" })).toEqual({
    memory_bytes: 6144 * (1 << 20),
    cpu_cores: 0.5,
  });
});

test("who waits for room is told the place", () => {
  expect(queueWords({ place: 1, length: 3 })).toContain("next");
  expect(queueWords({ place: 2, length: 3 })).toContain("2 of 3");
});
