/** What the page and its worker say to each other. */

import type { WayName } from "./drawing/base";
import type { Channel } from "./input.gen";
import type { LinkPhase } from "./link";
import type { Box } from "./media";
import type { Colour, Pixels } from "./pixels";
import type { FromBrowser, FromSeat, StreamProfile, TransportWish } from "./signal";

export type ToWorker =
  | {
      type: "start";
      url: string;
      profile: StreamProfile;
      transport: TransportWish;
      isWebRtcAble: boolean;
      /** What shows the frames: a canvas, or a track that takes them as they are. */
      surface: OffscreenCanvas | WritableStream<VideoFrame>;
      ring: SharedArrayBuffer | null;
      soundPort: MessagePort;
    }
  | { type: "ticket"; ticket: string }
  | { type: "ticket_refused"; isFinal: boolean; message: string }
  | { type: "wishes"; profile: StreamProfile; transport: TransportWish }
  | { type: "network_changed" }
  | { type: "signal"; message: FromBrowser }
  | { type: "input"; channel: Channel; bytes: Uint8Array<ArrayBuffer> }
  | { type: "read_pixels"; id: number; box: Box }
  | { type: "watch"; boxes: Box[] }
  /** The element that shows the frames may have missed the last one. */
  | { type: "show_again" }
  | { type: "leave" };

/** The worker's own measurements; null is unknown. */
export interface WorkerFigures {
  framesShown: number;
  lastFrame: { sequence: number; captured_at_us: number; shown_at_ms: number } | null;
  shownFps: number | null;
  decodeMs: number | null;
  drawMs: number | null;
  bitrateBps: number | null;
  rttMs: number | null;
  way: WayName | null;
}

export type FromWorker =
  | { type: "link"; phase: LinkPhase; fault: string | null; hasBeenOpen: boolean }
  | { type: "ask_ticket" }
  | { type: "seat"; message: FromSeat }
  /** The first frame after the link or the transport changed, or one of another size, is shown. */
  | { type: "picture"; widthPx: number; heightPx: number }
  | { type: "figures"; figures: WorkerFigures }
  | { type: "watched"; sequence: number; shownAtMs: number; colours: Colour[] }
  | { type: "pixels"; id: number; pixels: Pixels | null }
  /** The first of WebRTC's sound came here. */
  | { type: "sound_taken" }
  | { type: "fault"; message: string };
