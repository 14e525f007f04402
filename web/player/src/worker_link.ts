/** The page's side of the worker: starts it, brings it the tickets that it asks for, and ends it. Main thread. */

import { type PlayerOptions, TicketRefused } from "./options";
import { RtcPath } from "./rtc";
import type { FromBrowser, TransportWish } from "./signal";
import type { FromWorker, ToWorker } from "./worker_protocol";
import { takeWorker } from "./worker_start";

const GOODBYE_MS = 250;

/** Without WebCodecs (an old browser, a page that it does not trust) only WebRTC can show a picture. */
function possible(wish: TransportWish): TransportWish {
  return typeof VideoDecoder === "undefined" ? "webrtc" : wish;
}

export interface WorkerEvents {
  onMessage(message: FromWorker): void;
  /** Its script could not be loaded: there will never be a link. */
  onFailed(): void;
}

type Options = Pick<PlayerOptions, "sessionId" | "streamPath" | "profile" | "transport" | "fetchTicket">;

export class WorkerLink {
  readonly worker = takeWorker();
  /** The first is asked for while the worker loads, before it asks. */
  private isTicketComing = true;

  constructor(
    private readonly options: Options,
    events: WorkerEvents,
  ) {
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === "ask_ticket") this.ticketAsked();
      else events.onMessage(data);
    };
    this.worker.onerror = (event) => {
      if (!event.message) events.onFailed(); // a fault in it, which has words, is one message less
    };
  }

  start(surface: OffscreenCanvas | WritableStream<VideoFrame>, ring: SharedArrayBuffer | null, soundPort: MessagePort) {
    const { sessionId, streamPath, profile } = this.options;
    const url = new URL(streamPath ?? `/api/v1/sessions/${encodeURIComponent(sessionId)}/stream`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const transport = possible(this.options.transport);
    const isWebRtcAble = RtcPath.isSupported();
    this.worker.postMessage(
      { type: "start", url: url.href, profile, transport, isWebRtcAble, surface, ring, soundPort } satisfies ToWorker,
      [surface, soundPort],
    );
    void this.fetchTicket();
  }

  post(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  /** A message to the seat. */
  signal(message: FromBrowser): void {
    this.post({ type: "signal", message });
  }

  /** What was wished is now something else: the next conversation begins with it. Returns the transport that is to be had. */
  wish(): TransportWish {
    const { profile } = this.options;
    const transport = possible(this.options.transport);
    this.post({ type: "wishes", profile, transport });
    return transport;
  }

  close(): void {
    this.post({ type: "leave" });
    const { worker } = this;
    [worker.onmessage, worker.onerror] = [null, null]; // the page has another player by now, or none
    setTimeout(() => worker.terminate(), GOODBYE_MS); // it says goodbye first
  }

  private ticketAsked(): void {
    if (!this.isTicketComing) void this.fetchTicket();
    this.isTicketComing = false;
  }

  private async fetchTicket(): Promise<void> {
    try {
      this.post({ type: "ticket", ticket: await this.options.fetchTicket() });
    } catch (error) {
      const isFinal = error instanceof TicketRefused && error.isFinal;
      const text = error instanceof Error ? error.message : String(error);
      this.post({ type: "ticket_refused", isFinal, message: text });
    }
  }
}
