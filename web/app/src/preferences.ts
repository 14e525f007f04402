/** What a person chose in this browser: theme, loudness, quality, transport. Kept in local storage; broken storage means defaults. */

import { useSyncExternalStore } from "react";
import { type CodecWish, DEFAULT_PROFILE, LAYOUTS, type StreamProfile, type TransportWish } from "../../player/src";

export type Theme = "auto" | "light" | "dark";
export type Quality = "sharp" | "balanced" | "smooth" | "saver";

export interface Preferences {
  theme: Theme;
  volume: number;
  isMuted: boolean;
  quality: Quality;
  codec: CodecWish;
  isTextSharp: boolean;
  transport: TransportWish;
  showsStats: boolean;
  sharesClipboard: boolean;
  /** The id of a loudspeaker in this browser, or "" for the system's own choice. */
  soundOutput: string;
  /** A layout's name (XKB), or "auto". */
  keyboard: string;
}

export const DEFAULTS: Preferences = {
  theme: "auto",
  volume: 1,
  isMuted: false,
  quality: "balanced",
  codec: "auto",
  isTextSharp: false,
  transport: "auto",
  showsStats: false,
  sharesClipboard: true,
  soundOutput: "",
  keyboard: "auto",
};

const KEY = "dillinger.preferences";

const CHOICES: { theme: Theme[]; quality: Quality[]; codec: CodecWish[]; transport: TransportWish[] } = {
  theme: ["auto", "light", "dark"],
  quality: ["sharp", "balanced", "smooth", "saver"],
  codec: ["auto", "h264", "h264-high", "vp8", "vp9", "av1"],
  transport: ["auto", "websocket", "webrtc"],
};

/** Preferences out of what is stored; whatever is not a known choice becomes the default. Pure. */
export function readPreferences(stored: string | null): Preferences {
  let value: Partial<Record<keyof Preferences, unknown>> = {};
  try {
    const parsed: unknown = JSON.parse(stored ?? "{}");
    if (typeof parsed === "object" && parsed !== null) value = parsed;
  } catch {
    return DEFAULTS;
  }
  const choice = <K extends keyof typeof CHOICES>(name: K): Preferences[K] =>
    (CHOICES[name] as unknown[]).includes(value[name]) ? (value[name] as Preferences[K]) : DEFAULTS[name];
  const volume = typeof value.volume === "number" ? Math.min(1, Math.max(0, value.volume)) : DEFAULTS.volume;
  return {
    theme: choice("theme"),
    quality: choice("quality"),
    codec: choice("codec"),
    isTextSharp: value.isTextSharp === true,
    transport: choice("transport"),
    volume,
    isMuted: value.isMuted === true,
    showsStats: value.showsStats === true,
    sharesClipboard: value.sharesClipboard !== false,
    soundOutput: typeof value.soundOutput === "string" ? value.soundOutput : DEFAULTS.soundOutput,
    keyboard: LAYOUTS.some(({ name }) => name === value.keyboard) ? (value.keyboard as string) : DEFAULTS.keyboard,
  };
}

/** What each quality asks of the seat. The picture's size is the desktop's, which follows the window. */
export function profileOf(quality: Quality): StreamProfile {
  switch (quality) {
    case "sharp":
      return { ...DEFAULT_PROFILE, bitrate_bps: 25_000_000, rate_hz: 60, prefers: "sharp" };
    case "balanced":
      return { ...DEFAULT_PROFILE, bitrate_bps: 12_000_000, rate_hz: 60 };
    case "smooth":
      return { ...DEFAULT_PROFILE, bitrate_bps: 12_000_000, rate_hz: 60, prefers: "smooth" };
    case "saver":
      return { ...DEFAULT_PROFILE, bitrate_bps: 3_000_000, rate_hz: 30, prefers: "battery" };
  }
}

function load(): Preferences {
  try {
    return readPreferences(localStorage.getItem(KEY));
  } catch {
    return DEFAULTS;
  }
}

let current: Preferences | null = null;
const listeners = new Set<() => void>();

export function preferences(): Preferences {
  current ??= load();
  return current;
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...preferences(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // Private windows may refuse storage: the choice then holds for this visit.
  }
  applyTheme(current.theme);
  for (const listener of listeners) listener();
}

/** Another tab of the same page has chosen something. */
globalThis.addEventListener?.("storage", (event: StorageEvent) => {
  if (event.key !== KEY) return;
  current = readPreferences(event.newValue);
  applyTheme(current.theme);
  for (const listener of listeners) listener();
});

function applyTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, preferences);
}
