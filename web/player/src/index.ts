/** The player's public face. */

export {
  calling,
  type FloorAct,
  type FloorView,
  floorNews,
  NOBODY,
  type Person,
} from "./floor";
export { HeadCapture, type HeadState } from "./head_capture";
export type { Shortcut } from "./keys";
export { FIRST_LAYOUT, LAYOUTS, type Layout, ownLayout } from "./layouts";
export { Microphone, type MicrophoneState } from "./microphone";
export { type PlayerOptions, TicketRefused } from "./options";
export { PadCapture, type PadView } from "./pad_capture";
export { type PadState, REST } from "./pads";
export { createPlayer, type Player } from "./player";
export type { PlayerState } from "./player_state";
export { isPhone } from "./screen_keyboard";
export {
  type CodecWish,
  DEFAULT_PROFILE,
  endOf,
  type Notice,
  type SessionEnd,
  type StreamProfile,
  type TransportWish,
  type VideoFormat,
  type Welcome,
} from "./signal";
export type { SoundState } from "./sound";
export type { Advice, Stage, StageTime, Times } from "./stages";
export type { PlayerStats } from "./stats";
export { type PadButton, TouchPad } from "./touch_pad";
export { prepareWorker } from "./worker_start";
