/** What the form holds while somebody types: text, until it is sent. Pure: from a game to a draft and back. */

import type {
  Candidate,
  Display,
  FieldFault,
  Launch,
  LaunchBody,
  NativeLaunchBody,
  Network,
  ProtonLaunchBody,
  Resources,
  WineLaunchBody,
} from "./types";
import { joinPairs, joinWords, splitPairs, splitWords } from "./words_of_command";

export type Kind = "native" | "wine" | "proton";

export interface Draft {
  title: string;
  gameId: string;
  summary: string;
  kind: Kind;
  program: string;
  words: string;
  directory: "program" | "game" | "home";
  keepsChanges: boolean;
  isInstaller: boolean;
  followsHead: boolean;
  environment: string;
  network: Network["kind"];
  lanName: string;
  windowsVersion: string;
  virtualDesktop: string;
  dllOverrides: string;
  winetricks: string;
  architecture: "win64" | "win32";
  dxvk: boolean;
  vkd3d: boolean;
  wineDebug: string;
  prefix: string;
  runtime: string;
  libraries: string;
  width: string;
  height: string;
  desktop: Display["desktop"];
  isResizable: boolean;
  memoryMib: string;
  cpuCores: string;
  savesMib: string;
}

export type Field = keyof Draft;
export type Faults = Partial<Record<Field, string>>;

const MIB = 1024 * 1024;

export const EMPTY: Draft = {
  title: "",
  gameId: "",
  summary: "",
  kind: "native",
  program: "",
  words: "",
  directory: "game",
  keepsChanges: true,
  isInstaller: false,
  followsHead: false,
  environment: "",
  network: "none",
  lanName: "",
  windowsVersion: "",
  virtualDesktop: "",
  dllOverrides: "",
  winetricks: "",
  architecture: "win64",
  dxvk: false,
  vkd3d: false,
  wineDebug: "",
  prefix: "default",
  runtime: "",
  libraries: "auto",
  width: "1280",
  height: "720",
  desktop: "x11",
  isResizable: true,
  memoryMib: "4096",
  cpuCores: "4",
  savesMib: "2048",
};

/** `draft` as `launch` has it; what else it holds stays. */
export function withLaunch(draft: Draft, launch: Launch): Draft {
  if (!("command" in launch)) return draft;
  const [program = "", ...words] = launch.command;
  const common: Draft = {
    ...draft,
    kind: launch.kind,
    program,
    words: joinWords(words),
    directory: launch.directory,
    environment: joinPairs(launch.environment),
  };
  if (launch.kind === "native") return { ...common, libraries: launch.libraries };
  if (launch.kind === "proton") {
    return { ...common, runtime: launch.runtime, wineDebug: launch.wine_debug ?? "", prefix: launch.prefix };
  }
  const desktop = launch.virtual_desktop;
  return {
    ...common,
    windowsVersion: launch.windows_version ?? "",
    virtualDesktop: desktop ? `${desktop.width_px}x${desktop.height_px}` : "",
    dllOverrides: joinPairs(launch.dll_overrides),
    winetricks: launch.winetricks.join(" "),
    architecture: launch.architecture,
    dxvk: launch.dxvk,
    vkd3d: launch.vkd3d,
    wineDebug: launch.wine_debug ?? "",
    prefix: launch.prefix,
  };
}

/** `draft` with a program of the folder as it would be started by default. */
export function chosen(draft: Draft, candidate: Candidate): Draft {
  if (candidate.launch === null) return draft;
  const started = { ...withLaunch(draft, candidate.launch), isInstaller: candidate.is_installer };
  const memory = candidate.resources?.memory_bytes;
  return memory ? { ...started, memoryMib: String(Math.round(memory / MIB)) } : started;
}

export function withLimits(
  draft: Draft,
  display: Pick<Display, "width_px" | "height_px" | "desktop" | "resizable">,
  resources: Pick<Resources, "memory_bytes" | "cpu_cores" | "saves_bytes">,
): Draft {
  return {
    ...draft,
    width: String(display.width_px),
    height: String(display.height_px),
    desktop: display.desktop,
    isResizable: display.resizable,
    memoryMib: String(Math.round(resources.memory_bytes / MIB)),
    cpuCores: String(resources.cpu_cores),
    savesMib: String(Math.round(resources.saves_bytes / MIB)),
  };
}

/** What is sent; `faults` when the form itself can tell that it is wrong. `base` gives what the form does not show. */
export function launchOf(draft: Draft, base: Launch | null): { launch: LaunchBody } | { faults: Faults } {
  const faults: Faults = {};
  const words = splitWords(draft.words);
  const environment = splitPairs(draft.environment);
  const overrides = splitPairs(draft.dllOverrides);
  const desktop = draft.virtualDesktop.trim() ? /^(\d+)\s*[x×]\s*(\d+)$/.exec(draft.virtualDesktop.trim()) : undefined;
  if (words === null) faults.words = "A quote does not end.";
  if (!draft.program.trim()) faults.program = "Choose the program that is the game.";
  if ("wrong" in environment) faults.environment = `“${environment.wrong}” is not NAME=value.`;
  if (draft.kind === "wine" && "wrong" in overrides) faults.dllOverrides = `“${overrides.wrong}” is not name=order.`;
  if (draft.kind === "wine" && desktop === null) faults.virtualDesktop = "A size, such as 1024x768.";
  if (words === null || "wrong" in environment || "wrong" in overrides || desktop === null || !draft.program.trim()) {
    if (Object.keys(faults).length > 0) return { faults };
  }
  const kept = base?.kind === draft.kind ? base : {};
  const common = {
    ...kept,
    command: [draft.program.trim(), ...(words ?? [])],
    environment: "pairs" in environment ? environment.pairs : {},
  };
  if (draft.kind === "native") {
    const directory = draft.directory === "home" ? "home" : "game";
    return { launch: { ...common, kind: "native", directory, libraries: draft.libraries } satisfies NativeLaunchBody };
  }
  const windows = {
    ...common,
    directory: draft.directory,
    wine_debug: draft.wineDebug.trim() || null,
    prefix: draft.prefix.trim(),
  };
  if (draft.kind === "proton") {
    return { launch: { ...windows, kind: "proton", runtime: draft.runtime.trim() } satisfies ProtonLaunchBody };
  }
  return {
    launch: {
      ...windows,
      kind: "wine",
      windows_version: (draft.windowsVersion || null) as NonNullable<WineLaunchBody["windows_version"]> | null,
      virtual_desktop: desktop ? { width_px: Number(desktop[1]), height_px: Number(desktop[2]) } : null,
      // What makes no sense goes as it is: core says what is wrong with it.
      dll_overrides: ("pairs" in overrides ? overrides.pairs : {}) as NonNullable<WineLaunchBody["dll_overrides"]>,
      winetricks: draft.winetricks.split(/[\s,]+/).filter(Boolean),
      architecture: draft.architecture,
      dxvk: draft.dxvk,
      vkd3d: draft.vkd3d,
    } satisfies WineLaunchBody,
  };
}

/** `draft` with this network. */
export function withNetwork(draft: Draft, network: Network): Draft {
  return { ...draft, network: network.kind, lanName: network.kind === "lan" ? network.name : "" };
}

export function networkOf(draft: Draft): Network {
  return draft.network === "lan" ? { kind: "lan", name: draft.lanName.trim() } : { kind: draft.network };
}

/** Text as a number; what is none goes as it is, so that core says what is wrong with it. */
function number(text: string, factor = 1): number | string {
  const value = Number(text.trim().replace(",", "."));
  return text.trim() === "" || !Number.isFinite(value) ? text : factor === 1 ? value : Math.round(value * factor);
}

export function limitsOf(draft: Draft, display: Display | null, resources: Resources | null) {
  return {
    display: {
      ...display,
      width_px: number(draft.width),
      height_px: number(draft.height),
      desktop: draft.desktop,
      resizable: draft.isResizable,
    },
    resources: {
      ...resources,
      memory_bytes: number(draft.memoryMib, MIB),
      cpu_cores: number(draft.cpuCores),
      saves_bytes: number(draft.savesMib, MIB),
    },
  };
}

const PLACES: readonly [string, Field][] = [
  ["title", "title"],
  ["game_id", "gameId"],
  ["summary", "summary"],
  ["launch/command/0", "program"],
  ["launch/command/", "words"],
  ["launch/command", "program"],
  ["launch/directory", "directory"],
  ["launch/environment", "environment"],
  ["launch/windows_version", "windowsVersion"],
  ["launch/virtual_desktop", "virtualDesktop"],
  ["launch/dll_overrides", "dllOverrides"],
  ["launch/winetricks", "winetricks"],
  ["launch/architecture", "architecture"],
  ["launch/wine_debug", "wineDebug"],
  ["launch/prefix", "prefix"],
  ["launch/runtime", "runtime"],
  ["launch/libraries", "libraries"],
  ["network/lan/name", "lanName"],
  ["network/name", "lanName"],
  ["network", "network"],
  ["display/width_px", "width"],
  ["display/height_px", "height"],
  ["resources/memory_bytes", "memoryMib"],
  ["resources/cpu_cores", "cpuCores"],
  ["resources/saves_bytes", "savesMib"],
];

/** Core's faults at the fields of the form; `rest` has those that belong to none of them. */
export function faultsOf(found: readonly FieldFault[]): { faults: Faults; rest: string[] } {
  const faults: Faults = {};
  const rest: string[] = [];
  for (const one of found) {
    const path = one.pointer.replace(/^#\//, "");
    const place = PLACES.find(
      ([start]) => path === start || path.startsWith(start.endsWith("/") ? start : `${start}/`),
    );
    if (place) faults[place[1]] ??= plain(one.detail, place[1]);
    else rest.push(`${path.replaceAll("/", ".")}: ${one.detail}`);
  }
  return { faults, rest };
}

const FORMS: Partial<Record<Field, string>> = {
  gameId: "Lower-case letters and digits, with . _ or - between them.",
  environment: "A name has letters, digits and _, and begins with no digit.",
  dllOverrides: "A library’s name, then =, then its order.",
  winetricks: "Verbs as winetricks lists them, such as vcrun2019.",
  runtime: "The folder’s name, such as GE-Proton9-20.",
  lanName: "Lower-case letters and digits, with - between them, such as doom-night.",
  wineDebug: "Channels, such as +seh,-fixme.",
  prefix: "Small letters and digits, with dashes and underscores between them.",
};

/** Core's words for a person: in the field's own unit, and without the pattern that was not met. */
function plain(detail: string, field: Field): string {
  if (/^String should match pattern/.test(detail)) return FORMS[field] ?? "This is not a form that can be.";
  if (/at least 1 character/.test(detail)) return field === "runtime" ? (FORMS.runtime ?? "") : "This can’t be empty.";
  if (/^Input should be a valid (number|integer)/.test(detail)) return "A number, please.";
  const isMib = field === "memoryMib" || field === "savesMib";
  const text = detail
    .replace(/^Value error, /, "")
    .replace(
      /^Input should be greater than or equal to (\d+)$/,
      (_, least) => `At least ${isMib ? least / MIB : least}`,
    )
    .replace(/^Input should be less than or equal to (\d+)$/, (_, most) => `At most ${isMib ? most / MIB : most}`)
    .replace(/^Input should be greater than (\d+)$/, "More than $1")
    .replace(/^Input should be a multiple of 2$/, "An even number");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
