/** What a page gives its player, and is told by it. */

import type { FloorView } from "./floor";
import type { HeadState } from "./head_capture";
import type { Shortcut } from "./keys";
import type { MicrophoneState } from "./microphone";
import type { PadView } from "./pad_capture";
import type { PlayerState } from "./player_state";
import type { Notice, SessionEnd, StreamProfile, TransportWish, Welcome } from "./signal";
import type { SoundState } from "./sound";
import type { PlayerStats } from "./stats";

/** A ticket could not be had. `isFinal`: asking again would not help. */
export class TicketRefused extends Error {
  constructor(
    message: string,
    readonly isFinal: boolean,
  ) {
    super(message);
  }
}

export interface PlayerOptions {
  sessionId: string;
  /** Where the stream's WebSocket is; without it, that of the session at core. */
  streamPath?: string;
  /** The picture's place; the player fills it and listens to its keyboard and pointer. */
  host: HTMLElement;
  profile: StreamProfile;
  transport: TransportWish;
  /** Whether what is copied and pasted is shared with the game. */
  sharesClipboard: boolean;
  /** Asked for each attempt to connect; rejects with `TicketRefused`. */
  fetchTicket(): Promise<string>;
  onState(state: PlayerState, fault: string | null): void;
  onWelcome(welcome: Welcome): void;
  /** Somebody came, went, or plays from now on. */
  onFloor?(floor: FloorView): void;
  /** The picture appeared, changed its size, or moved to the other transport. */
  onPicture(widthPx: number, heightPx: number): void;
  onStats(stats: PlayerStats): void;
  onSound(state: SoundState): void;
  onMicrophone(state: MicrophoneState): void;
  /** Whether the player can look around by moving the device, and does. */
  onHead?(state: HeadState): void;
  /** Whether what an input method or an on-screen keyboard writes goes to the game. */
  onTyping?(isTyping: boolean): void;
  /** Gamepads came or went. */
  onPads(pads: PadView[]): void;
  onNotice(notice: Pick<Notice, "level" | "message" | "hint"> & { code?: string }): void;
  onEnded(end: SessionEnd): void;
  onShortcut(shortcut: Shortcut): void;
}
