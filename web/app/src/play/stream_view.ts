/** What a player tells, as a page's state: the part that a game's page and a desktop's have in common. */

import {
  type FloorView,
  NOBODY,
  type Notice,
  type Player,
  type PlayerState,
  type PlayerStats,
  type SoundState,
  type Welcome,
} from "../../../player/src";

const NOTICE_MS = 6000;

type ShownNotice = Pick<Notice, "level" | "message" | "hint"> & { code?: string };

export interface StreamView {
  player: Player | null;
  state: PlayerState;
  fault: string | null;
  welcome: Welcome | null;
  /** Who is there and who plays. */
  floor: FloorView;
  picture: { width: number; height: number } | null;
  stats: PlayerStats | null;
  sound: SoundState;
  /** Text from an input method or an on-screen keyboard goes to the game. */
  isTyping: boolean;
  notice: ShownNotice | null;
}

export const NO_STREAM: StreamView = {
  player: null,
  state: "idle",
  fault: null,
  welcome: null,
  floor: NOBODY,
  picture: null,
  stats: null,
  sound: "off",
  isTyping: false,
  notice: null,
};

/** The player's events that become state by `change`; `forget` when the player is closed. */
export function streamEvents(change: (part: Partial<StreamView>) => void) {
  let noticeTimer: ReturnType<typeof setTimeout> | undefined;
  const events = {
    onState: (state: PlayerState, fault: string | null) => change({ state, fault }),
    onWelcome: (welcome: Welcome) => change({ welcome }),
    onFloor: (floor: FloorView) => change({ floor }),
    onPicture: (width: number, height: number) => change({ picture: { width, height } }),
    onStats: (stats: PlayerStats) => change({ stats }),
    onSound: (sound: SoundState) => change({ sound }),
    onTyping: (isTyping: boolean) => change({ isTyping }),
    onNotice: (notice: ShownNotice) => {
      change({ notice });
      clearTimeout(noticeTimer);
      noticeTimer = setTimeout(() => change({ notice: null }), NOTICE_MS);
    },
  };
  return { events, forget: () => clearTimeout(noticeTimer) };
}
