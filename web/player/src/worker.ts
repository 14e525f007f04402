/**
 * The worker: owns the socket, the decoders and what shows their frames. Chromium holds socket messages back on a busy page for about a
 * frame; here they are decoded and shown the moment they come. Composition only: each part is a module of its own.
 */

import { decodableFormats } from "./decoders";
import { CanvasTarget } from "./drawing/canvas_target";
import type { Target } from "./drawing/target";
import { TrackTarget } from "./drawing/track_target";
import { encodeShown } from "./input.gen";
import { IDLE, isSilent, type LinkEffect, type LinkEvent, type LinkState, step } from "./link";
import { type Box, MediaFault, parseMedia } from "./media";
import { MotionGate } from "./motion";
import { PictureDecoder } from "./picture_decoder";
import { meanColour } from "./pixels";
import { SampleRing } from "./ring";
import { Screen, type ShownFrame } from "./screen";
import { type FromBrowser, parseFromSeat, SIGNALING_VERSION, SUBPROTOCOL, type TransportKind } from "./signal";
import { SoundDecoder } from "./sound_decoder";
import { readTaken, type TransformEvent } from "./taken_sound";
import { Median, Rate } from "./window";
import type { FromWorker, ToWorker } from "./worker_protocol";

/** The part of DedicatedWorkerGlobalScope that is used (its full types clash with the page's). */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  onrtctransform: ((event: TransformEvent) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}

/** A secret of this page, new with each: 128 bits as text. */
function secret(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

type Start = Extract<ToWorker, { type: "start" }>;

const scope = self as unknown as WorkerScope;
const FIGURES_EVERY_MS = 250;
const PING_EVERY_MS = 1000;

class StreamWorker {
  private link: LinkState = IDLE;
  private linkTimer: ReturnType<typeof setTimeout> | undefined;
  private socket: WebSocket | null = null;
  private heardAtMs = 0;
  private pingedAtMs = 0;
  private doubtedAtMs = 0;
  /** In this conversation, or the one before that was cut off. */
  private carriedBy: TransportKind | null = null;
  private readonly device = secret();
  private announcesNext = true;
  private shownSize = "";
  private watched: Box[] = [];
  private framesShown = 0;
  private lastFrame: ShownFrame | null = null;
  private motionSeq = 0;
  private readonly gate = new MotionGate<Uint8Array<ArrayBuffer>>();
  private readonly shownRate = new Rate();
  private readonly byteRate = new Rate();
  private readonly decodeMs = new Median();
  private readonly drawMs = new Median();
  private readonly rttMs = new Median(5);
  private readonly formats = decodableFormats();
  private readonly target: Target;
  private readonly screen: Screen;
  private readonly pictures: PictureDecoder;
  private readonly sounds: SoundDecoder;

  constructor(private start: Start) {
    const { surface } = start;
    this.target = surface instanceof OffscreenCanvas ? new CanvasTarget(surface) : new TrackTarget(surface);
    this.screen = new Screen(this.target, (frame) => this.shown(frame), tellFault);
    this.pictures = new PictureDecoder({
      onFrame: (frame, facts) => this.screen.show(frame, facts),
      askKeyframe: () => this.send({ type: "keyframe" }),
      onUnsupported: tellFault,
    });
    const ring = start.ring ? new SampleRing(start.ring) : null;
    this.sounds = new SoundDecoder((samples) => {
      if (ring) ring.write(samples);
      else start.soundPort.postMessage(samples, [samples.buffer]);
    });
    setInterval(() => this.tick(), FIGURES_EVERY_MS);
    this.advance({ type: "start" });
  }

  receive(message: Exclude<ToWorker, Start>): void {
    switch (message.type) {
      case "ticket":
      case "ticket_refused":
        return this.advance(message);
      case "network_changed":
        this.doubt();
        return this.advance({ type: "online" });
      case "wishes":
        this.start = { ...this.start, profile: message.profile, transport: message.transport };
        return;
      case "signal":
        return this.send(message.message);
      case "input":
        return this.input(message.channel === "motion", message.bytes);
      case "watch":
        this.watched = message.boxes;
        return;
      case "show_again":
        this.target.again().catch(tellFault);
        return;
      case "read_pixels":
        void this.pixels(message.id, message.box);
        return;
      case "leave":
        this.send({ type: "bye" });
        return this.advance({ type: "leave" });
    }
  }

  /** WebRTC's sound; it ends with its connection. */
  async takeSound({ transformer }: TransformEvent): Promise<void> {
    let isFirst = true;
    await readTaken(transformer.readable, (packet, timestamp) => {
      if (isFirst) scope.postMessage({ type: "sound_taken" });
      isFirst = false;
      this.sounds.push(packet.data, (timestamp * 1000) / 48, packet.lostFrames);
    });
  }

  private advance(event: LinkEvent): void {
    const next = step(this.link, event, performance.now(), Math.random());
    const hasChanged = next.state !== this.link;
    this.link = next.state;
    for (const effect of next.effects) this.perform(effect);
    if (!hasChanged) return;
    const { phase, fault, hasBeenOpen } = next.state;
    scope.postMessage({ type: "link", phase, fault, hasBeenOpen });
  }

  private perform(effect: LinkEffect): void {
    switch (effect.type) {
      case "ask_ticket":
        return scope.postMessage({ type: "ask_ticket" });
      case "open_socket":
        return this.open(effect.ticket);
      case "close_socket":
        return this.close();
      case "set_timer":
        clearTimeout(this.linkTimer);
        this.linkTimer = setTimeout(() => this.advance({ type: "timer" }), effect.ms);
        return;
      case "clear_timer":
        clearTimeout(this.linkTimer);
    }
  }

  private open(ticket: string): void {
    this.close();
    const socket = new WebSocket(this.start.url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.announcesNext = true;
    this.pictures.restart();
    socket.onopen = () => {
      const { transport, profile, isWebRtcAble } = this.start;
      const hello = { type: "hello", version: SIGNALING_VERSION, ticket, transport, profile } as const;
      const before = this.carriedBy ? { carried_by: this.carriedBy } : {};
      this.send({ ...hello, is_webrtc_able: isWebRtcAble, device: this.device, draws_cursor: true, ...before });
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      this.heardAtMs = performance.now();
      if (typeof event.data === "string") this.signal(event.data);
      else this.media(event.data);
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.socket = null;
      this.advance({ type: "lost", code: event.code, message: event.reason });
    };
  }

  private close(): void {
    const socket = this.socket;
    this.socket = null;
    this.gate.clear();
    this.rttMs.clear();
    socket?.close(1000);
  }

  private signal(text: string): void {
    const message = parseFromSeat(text);
    if (!message) return;
    switch (message.type) {
      case "pong":
        this.rttMs.add(performance.now() - message.time_ms);
        return;
      case "welcome":
        this.advance({ type: "welcome" });
        void this.formats.then((formats) => this.send({ type: "decoders", formats }));
        break;
      case "video_config":
        this.pictures.setConfig(message);
        break;
      case "transport":
        this.announcesNext = true;
        this.carriedBy = message.transport;
        break;
      case "ended":
        scope.postMessage({ type: "seat", message });
        return this.advance({ type: "ended" });
    }
    scope.postMessage({ type: "seat", message });
  }

  private media(buffer: ArrayBuffer): void {
    const now = performance.now();
    this.byteRate.add(now, buffer.byteLength);
    try {
      const message = parseMedia(buffer);
      if (message.kind === "picture") this.pictures.push(message, now);
      else this.sounds.push(message.data, message.capturedAtUs);
    } catch (error) {
      if (!(error instanceof MediaFault)) throw error;
      scope.postMessage({ type: "fault", message: error.message });
    }
  }

  private shown(frame: ShownFrame): void {
    const decodeMs = frame.decodedAtMs - frame.receivedAtMs;
    this.framesShown += 1;
    this.lastFrame = frame;
    this.shownRate.add(frame.shownAtMs);
    this.decodeMs.add(decodeMs);
    this.drawMs.add(frame.drawMs);
    const stamp = { seq: this.motionSeq, clientTimeMs: frame.shownAtMs };
    this.write(encodeShown(stamp, frame.sequence, decodeMs * 1000, frame.drawMs * 1000));
    const { width, height } = frame.desktop;
    const size = `${width}x${height}`;
    if (this.announcesNext || size !== this.shownSize) {
      this.announcesNext = false;
      this.shownSize = size;
      scope.postMessage({ type: "picture", widthPx: width, heightPx: height });
    }
    if (this.watched.length > 0) this.report(frame).catch(tellFault);
  }

  /** Whoever asked for pixels waits for an answer, be it that there are none. */
  private async pixels(id: number, box: Box): Promise<void> {
    const pixels = await this.target.read(box).catch(() => null);
    scope.postMessage({ type: "pixels", id, pixels });
  }

  private async report(frame: ShownFrame): Promise<void> {
    const colours = await Promise.all(this.watched.map(async (box) => meanColour(await this.target.read(box))));
    const shownAtMs = performance.timeOrigin + frame.shownAtMs;
    scope.postMessage({ type: "watched", sequence: frame.sequence, shownAtMs, colours });
  }

  private input(isMotion: boolean, bytes: Uint8Array<ArrayBuffer>): void {
    if (isMotion) this.motionSeq = new DataView(bytes.buffer).getUint16(2, true);
    const buffered = this.socket?.bufferedAmount ?? 0;
    const messages = isMotion ? this.gate.move(bytes[0] ?? 0, bytes, buffered) : this.gate.pass(bytes);
    for (const message of messages) this.write(message);
    if (this.gate.isHolding()) setTimeout(() => this.flushMotion(), 4);
  }

  private flushMotion(): void {
    if ((this.socket?.bufferedAmount ?? 0) > 0) {
      if (this.gate.isHolding()) setTimeout(() => this.flushMotion(), 4);
      return;
    }
    for (const message of this.gate.flush()) this.write(message);
  }

  private write(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.link.phase === "open" && this.socket?.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  private send(message: FromBrowser): void {
    const isAllowed = this.link.phase === "open" || message.type === "hello";
    if (isAllowed && this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private ping(now: number): void {
    this.pingedAtMs = now;
    this.send({ type: "ping", time_ms: now });
  }

  /** The device's network is another one: what the socket stood on may be gone without a word. */
  private doubt(): void {
    this.doubtedAtMs = performance.now();
    if (this.link.phase === "open") this.ping(this.doubtedAtMs);
  }

  private tick(): void {
    const now = performance.now();
    if (this.link.phase === "open") {
      if (isSilent(this.heardAtMs, this.doubtedAtMs, now)) {
        this.advance({ type: "lost", code: 0, message: "The seat does not answer" });
      } else if (now - this.pingedAtMs >= PING_EVERY_MS) {
        this.ping(now);
      }
    }
    const last = this.lastFrame;
    const isOpen = this.link.phase === "open";
    const figures = {
      framesShown: this.framesShown,
      lastFrame: last && {
        sequence: last.sequence,
        captured_at_us: last.capturedAtUs,
        shown_at_ms: performance.timeOrigin + last.shownAtMs,
      },
      shownFps: isOpen ? this.shownRate.perSecond(now) : null,
      decodeMs: this.decodeMs.value(),
      drawMs: this.drawMs.value(),
      bitrateBps: scaled(isOpen ? this.byteRate.perSecond(now) : null, 8),
      rttMs: isOpen ? this.rttMs.value() : null,
      way: this.target.name,
    };
    scope.postMessage({ type: "figures", figures });
  }
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}

function tellFault(error: unknown): void {
  scope.postMessage({ type: "fault", message: String(error) });
}

let worker: StreamWorker | null = null;
scope.onmessage = (event) => {
  if (event.data.type === "start") worker ??= new StreamWorker(event.data);
  else worker?.receive(event.data);
};
scope.onrtctransform = (event) => {
  worker?.takeSound(event).catch(() => undefined); // a connection that was cut ends its stream with an error
};
