/** The form for games, without a browser: words and pairs as text, from a game to a draft and back, faults at their fields. */

import { expect, test } from "vitest";
import type { WineLaunch } from "../src/api/schema.gen";
import { firstDraft } from "../src/games/add_page";
import {
  EMPTY,
  faultsOf,
  launchOf,
  limitsOf,
  networkOf,
  withLaunch,
  withLimits,
  withNetwork,
} from "../src/games/draft";
import { librarySources } from "../src/games/libraries_choice";
import { runtimeNote } from "../src/games/runtime_choice";
import { size } from "../src/games/sizes";
import type { Launch, Runtime, Survey } from "../src/games/types";
import { joinPairs, joinWords, splitPairs, splitWords } from "../src/games/words_of_command";
import { routeOf } from "../src/router";

const WINE: WineLaunch = {
  kind: "wine",
  command: ["./bin/game.exe", "-w", "a b"],
  directory: "program",
  environment: { LANG: "de_DE.UTF-8" },
  windows_version: "winxp",
  dll_overrides: { d3d9: "native,builtin" },
  registry: [],
  virtual_desktop: { width_px: 800, height_px: 600 },
  architecture: "win32",
  dxvk: true,
  vkd3d: false,
  winetricks: ["vcrun2019", "corefonts"],
  wine_debug: "+seh",
  prefix: "default",
};

test.each([
  ["", []],
  ["  --fast  -w ", ["--fast", "-w"]],
  [`"a b" 'c "d"' e"f g"`, ["a b", `c "d"`, "ef g"]],
  [`"" ''`, ["", ""]],
  [String.raw`"C:\dir" C:\x "a\"b"`, [String.raw`C:\dir`, String.raw`C:\x`, `a"b`]],
])("the words of %s", (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test("a quote that does not end is said", () => {
  expect(splitWords(`"a b`)).toBeNull();
  const made = launchOf({ ...EMPTY, program: "./a", words: `"a b` }, null);
  expect("faults" in made && made.faults.words).toBeTruthy();
});

test("any words come back as they were", () => {
  const pieces = ["a", " ", '"', "'", "\\", "", "\t", "ü"];
  let seed = 7;
  const next = (below: number): number => {
    seed = (seed * 31 + 11) % 7919;
    return seed % below;
  };
  for (let round = 0; round < 500; round++) {
    const words = Array.from({ length: next(4) }, () =>
      Array.from({ length: next(5) }, () => pieces[next(pieces.length)]).join(""),
    );
    expect(splitWords(joinWords(words))).toEqual(words);
  }
});

test("pairs, one a line", () => {
  expect(splitPairs("A=1\n\n B = x=y ")).toEqual({ pairs: { A: "1", B: "x=y" } });
  expect(splitPairs("A=1\nnothing")).toEqual({ wrong: "nothing" });
  expect(splitPairs("=1")).toEqual({ wrong: "=1" });
  expect(joinPairs({ A: "1", B: "2" })).toBe("A=1\nB=2");
});

test("a game becomes a draft and the same game again", () => {
  const base = { ...WINE, registry: [{ key: "HKCU\\Software\\X", value: "1" }] } as Launch;
  expect(launchOf(withLaunch(EMPTY, base), base)).toEqual({ launch: base });
  const native: Launch = {
    kind: "native",
    command: ["./a", ""],
    directory: "home",
    environment: {},
    libraries: "auto",
  };
  expect(launchOf(withLaunch(EMPTY, native), native)).toEqual({ launch: native });
  const limits = withLimits(
    EMPTY,
    { width_px: 800, height_px: 600, desktop: "wayland", resizable: false },
    { memory_bytes: 1 << 30, cpu_cores: 1.5, saves_bytes: 1 << 29 },
  );
  expect(limitsOf(limits, null, null)).toEqual({
    display: { width_px: 800, height_px: 600, desktop: "wayland", resizable: false },
    resources: { memory_bytes: 1 << 30, cpu_cores: 1.5, saves_bytes: 1 << 29 },
  });
});

test("a network becomes a draft and the same network again", () => {
  const networks = [{ kind: "none" }, { kind: "internet" }, { kind: "lan", name: "friday" }] as const;
  for (const network of networks) expect(networkOf(withNetwork(EMPTY, network))).toEqual(network);
});

test("what is no number goes as it is, for core to name", () => {
  expect(limitsOf({ ...EMPTY, memoryMib: "lots", cpuCores: "" }, null, null).resources).toMatchObject({
    memory_bytes: "lots",
    cpu_cores: "",
  });
});

test("faults stand at their fields", () => {
  const { faults, rest } = faultsOf([
    { pointer: "#/launch/command/0", detail: "There is no x" },
    { pointer: "#/launch/command/2", detail: "too long" },
    { pointer: "#/launch/environment/1A/[key]", detail: "String should match pattern '^x$'" },
    { pointer: "#/resources/memory_bytes", detail: "Input should be greater than or equal to 67108864" },
    { pointer: "#/path", detail: "gone" },
  ]);
  expect(faults).toEqual({
    program: "There is no x.",
    words: "Too long.",
    environment: "A name has letters, digits and _, and begins with no digit.",
    memoryMib: "At least 64.",
  });
  expect(rest).toEqual(["path: gone"]);
});

test("the likeliest program that can be started is chosen first", () => {
  const survey = {
    title: "X",
    game_id: "x",
    candidates: [
      { path: "a.com", launch: null },
      { path: "b.exe", launch: WINE },
    ],
  };
  expect(firstDraft(survey as Survey)).toMatchObject({
    title: "X",
    gameId: "x",
    kind: "wine",
    program: "./bin/game.exe",
  });
});

test("what is said of Wine and of a Proton", () => {
  const wine = {
    name: "wine",
    kind: "wine",
    version: null,
    isInstalled: true,
    isVerified: true,
    problem: null,
    has32Bit: null,
    hint: null,
    neededBy: [] as string[],
  } as const;
  const proton = { ...wine, name: "GE-Proton9-20", kind: "proton", isVerified: false } as const;
  expect(runtimeNote([], "wine", "")).toBeNull();
  expect(runtimeNote([wine], "wine", "")).toBeNull();
  expect(runtimeNote([{ ...wine, problem: "No Wine here", hint: "apt-get install wine" }], "wine", "")).toBe(
    "No Wine here. apt-get install wine",
  );
  const half = { ...wine, has32Bit: false, hint: "For 32-bit programs: install it" };
  expect(runtimeNote([half], "wine", "")).toBe(
    "This Wine starts 64-bit programs only. For 32-bit programs: install it",
  );
  expect(runtimeNote([wine], "proton", "")).toMatch(/no Proton/);
  expect(runtimeNote([wine, proton], "proton", "other")).toMatch(/GE-Proton9-20/);
  expect(runtimeNote([wine, proton], "proton", "GE-Proton9-20")).toMatch(/tried/);
});

test("a native game's libraries may come from the runtimes that are there, and one that is away stays chosen", () => {
  const one = { version: null, isVerified: true, has32Bit: null, problem: null, hint: null, neededBy: [] };
  const runtimes: Runtime[] = [
    { ...one, name: "sniper", kind: "libraries", isInstalled: true },
    { ...one, name: "soldier", kind: "libraries", isInstalled: false },
    { ...one, name: "GE-Proton9-20", kind: "proton", isInstalled: true },
  ];
  const values = (present: string) => librarySources(runtimes, present).map(({ value }) => value);
  expect(values("auto")).toEqual(["auto", "game", "system", "runtime/sniper"]);
  expect(values("runtime/soldier")).toEqual(["auto", "game", "system", "runtime/sniper", "runtime/soldier"]);
});

test("addresses and sizes", () => {
  expect(routeOf("/games/add")).toEqual({ page: "add-game" });
  expect(routeOf("/games/doom/edit")).toEqual({ page: "edit-game", gameId: "doom" });
  expect(routeOf("/games")).toEqual({ page: "unknown" });
  expect([size(0), size(999), size(1234), size(45_600_000)]).toEqual(["0 B", "999 B", "1.2 kB", "46 MB"]);
});
