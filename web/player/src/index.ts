/** The player's public face. */

export type { Shortcut } from "./keys";
export { createPlayer, type Player, type PlayerOptions, type PlayerState, TicketRefused } from "./player";
export {
  DEFAULT_PROFILE,
  endOf,
  type Notice,
  type SessionEnd,
  type StreamProfile,
  type TransportWish,
  type Welcome,
} from "./signal";
export type { SoundState } from "./sound";
export type { PlayerStats } from "./stats";
