/** What core's API says of games that are added and edited. */

export interface NativeLaunch {
  kind: "native";
  command: string[];
  directory: "home" | "game";
  environment: Record<string, string>;
  libraries: string;
}

export interface WineLaunch {
  kind: "wine";
  command: string[];
  directory: "program" | "game" | "home";
  environment: Record<string, string>;
  windows_version: string | null;
  dll_overrides: Record<string, string>;
  virtual_desktop: { width_px: number; height_px: number } | null;
  architecture: "win64" | "win32";
  dxvk: boolean;
  vkd3d: boolean;
  winetricks: string[];
  wine_debug: string | null;
  prefix: string;
}

export interface ProtonLaunch {
  kind: "proton";
  command: string[];
  directory: "program" | "game" | "home";
  environment: Record<string, string>;
  runtime: string;
  wine_debug: string | null;
  prefix: string;
}

/** A kind that this form does not know is kept as it is. */
export type Launch = NativeLaunch | WineLaunch | ProtonLaunch | OtherLaunch;

export interface OtherLaunch {
  kind: "qemu" | "desktop";
}

export interface Display {
  width_px: number;
  height_px: number;
  desktop: "x11" | "wayland";
  resizable: boolean;
}

export interface Resources {
  memory_bytes: number;
  cpu_cores: number;
  saves_bytes: number;
}

export type Network = { kind: "none" } | { kind: "internet" } | { kind: "lan"; name: string };

export interface Candidate {
  path: string;
  about: string;
  doubt: string | null;
  /** Whether it has to be run once before there is a game. */
  is_installer: boolean;
  launch: Launch | null;
  /** Where it needs more than other games: an AppImage unpacks itself. */
  resources: Resources | null;
}

/** As the runner spells it. */
export interface Runtime {
  name: string;
  kind: "wine" | "proton" | "libraries";
  version: string | null;
  isInstalled: boolean;
  isVerified: boolean;
  /** Whether it starts 32-bit programs too; null where only its cells could tell. */
  has32Bit: boolean | null;
  problem: string | null;
  hint: string | null;
}

export interface Folder {
  directory: string;
  path: string;
  items: { name: string; is_folder: boolean; size_bytes: number | null }[];
}

export interface Survey {
  path: string;
  files: number;
  size_bytes: number;
  system: "windows" | "linux" | "dos" | null;
  title: string;
  game_id: string;
  candidates: Candidate[];
  left_out: string[];
}

export interface Addition {
  import_id: string;
  game_id: string;
  title: string;
  state: "copying" | "done" | "failed" | "cancelled";
  copied_bytes: number;
  total_bytes: number;
  problem: string | null;
  hint: string | null;
}

export interface Prefix {
  name: string;
  kind: "wine" | "proton";
  used_bytes: number;
  /** Whether it was last made ready by the Wine that is installed; null: not known. */
  is_current: boolean | null;
}

export interface Saves {
  used_bytes: number;
  limit_bytes: number;
  game_folder_bytes: number;
  prefixes: Prefix[];
  is_played: boolean;
  work: { kind: "reset" | "export" | "restore"; done_bytes: number; total_bytes: number } | null;
}

export interface GameDetails {
  game_id: string;
  version: string;
  title: string;
  summary: string;
  source: string;
  keeps_changes: boolean;
  is_installer: boolean;
  network: Network;
  launch: Launch;
  display: Display;
  resources: Resources;
  programs: Candidate[];
  unmet: string[];
}
