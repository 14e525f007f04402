/**
 * The player: plays one session in a host element. Composition of the worker (socket, WebCodecs), the WebRTC path, sound and input.
 *
 * The page gives it a host and a way to fetch tickets; it tells the page what happens by callbacks. It needs no framework and makes no
 * request of its own. Main thread.
 */

import { Clipboard } from "./clipboard";
import { CursorView } from "./cursor_view";
import { Diagnostics } from "./diagnostics";
import { type FloorAct, type FloorView, floorView, NOBODY } from "./floor";
import { HeadCapture } from "./head_capture";
import { encodeShown } from "./input.gen";
import { InputCapture } from "./input_capture";
import { FIRST_LAYOUT } from "./layouts";
import type { LinkPhase } from "./link";
import { Meter } from "./meter";
import { Microphone } from "./microphone";
import { watchNetwork } from "./network";
import type { PlayerOptions } from "./options";
import { PadCapture } from "./pad_capture";
import { type PlayerState, playerState } from "./player_state";
import { PointerLock } from "./pointer_lock";
import { ringMemory } from "./ring";
import { RtcPath } from "./rtc";
import { ScreenKeyboard } from "./screen_keyboard";
import type { FromBrowser, FromSeat, Role, StreamProfile, TransportKind, TransportWish, Welcome } from "./signal";
import { Sound } from "./sound";
import type { PlayerStats } from "./stats";
import { Surfaces, type VideoFrameShown } from "./surfaces";
import { takeOut } from "./taken_sound";
import { WorkerLink } from "./worker_link";
import type { FromWorker, ToWorker, WorkerFigures } from "./worker_protocol";

const UNLOADED = "A part of this page could not be loaded. Reload it if trying again does not help.";

export class Player {
  readonly diagnostics: Diagnostics;
  readonly sound: Sound;
  state: PlayerState = "idle";
  welcome: Welcome | null = null;
  floor: FloorView = NOBODY;
  transport: TransportKind | null = null;
  stats: PlayerStats | null = null;
  figures: WorkerFigures | null = null;
  videoFramesShown = 0;
  private readonly meter = new Meter();
  /** Where it can't be taken out. Kept while the WebSocket carries the sound: the seat may come back to the same connection. */
  private rtcSound: MediaStream | null = null;
  private readonly link: WorkerLink;
  readonly surfaces: Surfaces;
  private readonly rtc: RtcPath;
  private readonly input: InputCapture;
  private readonly keyboard: ScreenKeyboard;
  private readonly clipboard: Clipboard;
  private readonly microphone: Microphone;
  readonly pads: PadCapture;
  readonly head: HeadCapture;
  private readonly pointer: PointerLock;
  private readonly cursor: CursorView;
  private readonly statsTimer: ReturnType<typeof setInterval>;
  private readonly ends = new AbortController();

  constructor(private readonly options: PlayerOptions) {
    const { host } = options;
    this.surfaces = new Surfaces(host, {
      onVideoFrame: (frame) => this.videoShown(frame),
      onPicture: () => this.pictureChanged(),
      onMissed: () => this.post({ type: "show_again" }),
    });
    // What the first picture waits for comes first.
    const ring = globalThis.crossOriginIsolated ? (ringMemory(true) as SharedArrayBuffer) : null;
    const samples = new MessageChannel();
    this.link = new WorkerLink(options, {
      onMessage: (message) => this.receive(message),
      onFailed: () => this.linkChanged("failed", UNLOADED, false),
    });
    this.link.start(this.surfaces.transfer(), ring, samples.port1);
    this.rtc = new RtcPath({
      send: (message) => this.signal(message),
      onPicture: (stream) => this.surfaces.play(stream),
      onSound: (stream) => {
        this.rtcSound = stream;
        if (this.transport === "webrtc") this.sound.setRemote(stream);
      },
      takeSound: (receiver) => takeOut(receiver, this.link.worker),
      onFault: (message) => options.onNotice({ level: "warning", message, hint: null }),
      onNetworkChanged: () => this.post({ type: "network_changed" }),
    });
    this.input = new InputCapture(host, {
      send: (channel, bytes) => this.write(channel, bytes),
      pictureRect: () => this.surfaces.rect,
      onShortcut: options.onShortcut,
      onPasteKey: () => this.clipboard.pasteKey(),
      onMousePressed: () => this.pointer.mousePressed(),
    });
    const lock = {
      hasLock: () => this.input.hasPointerLock,
      isEnabled: () => this.input.isEnabled,
      onFirstTaken: () =>
        options.onNotice({ level: "info", message: "This game takes the mouse. Esc gives it back.", hint: null }),
    };
    this.pointer = new PointerLock(host, lock, this.ends.signal);
    const cursor = {
      pictureRect: () => this.surfaces.rect,
      picture: () => this.surfaces.picture,
      isPlayer: () => this.role === "player",
    };
    this.cursor = new CursorView(host, cursor, this.ends.signal);
    this.clipboard = new Clipboard(host, {
      send: (message) => this.signal(message),
      hold: () => this.input.hold(),
      release: () => this.input.release(),
      onNotice: (message) => options.onNotice({ level: "info", message, hint: null }),
    });
    this.pads = new PadCapture({
      send: (bytes) => this.write("input", bytes),
      stamp: () => this.input.stamp("input"),
      isEnabled: () => this.input.isEnabled || (this.state === "open" && this.floor.me?.has_pads === true),
      onPads: options.onPads,
      onNotice: (message) => options.onNotice({ level: "info", message, hint: null }),
    });
    this.head = new HeadCapture({
      send: (bytes) => this.write("motion", bytes),
      stamp: () => this.input.stamp("motion"),
      isEnabled: () => this.input.isEnabled,
      onState: (state) => options.onHead?.(state),
      onNotice: (message) => options.onNotice({ level: "warning", message, hint: null }),
    });
    this.microphone = new Microphone((bytes) => {
      if (this.state === "open") this.post({ type: "input", channel: "input", bytes });
    }, options.onMicrophone);
    this.keyboard = new ScreenKeyboard(host, {
      type: (typed) => this.input.type(typed),
      onNotice: (message) => options.onNotice({ level: "warning", message, hint: null }),
      onTyping: (isTyping) => options.onTyping?.(isTyping),
    });
    this.sound = new Sound(ring, samples.port2, options.onSound, (message) =>
      options.onNotice({ level: "warning", message, hint: null }),
    );
    this.diagnostics = new Diagnostics(this, (message) => this.post(message));
    watchNetwork(() => this.post({ type: "network_changed" }), this.ends.signal);
    this.statsTimer = setInterval(() => void this.measure(), 1000);
  }

  get role(): Role | null {
    if (!this.floor.isKnown) return this.welcome?.role ?? null; // a seat that knows of no floor
    return this.floor.isPlaying ? "player" : "viewer";
  }

  /** A word on who should play; `peerId` is whom, of `give` and `decline`. */
  wishFloor(act: FloorAct, peerId?: number): void {
    this.signal(peerId === undefined ? { type: "floor", act } : { type: "floor", act, peer_id: peerId });
  }

  /** The desktop's new size; even numbers. */
  resize(widthPx: number, heightPx: number): void {
    this.signal({ type: "resize", width_px: widthPx, height_px: heightPx });
  }

  setProfile(profile: StreamProfile): void {
    this.options.profile = profile;
    this.link.wish();
    this.signal({ type: "profile", profile });
  }

  setTransport(transport: TransportWish): void {
    this.options.transport = transport;
    this.signal({ type: "set_transport", transport: this.link.wish() });
  }

  setSharesClipboard(sharesClipboard: boolean): void {
    this.options.sharesClipboard = sharesClipboard;
    this.clipboard.setOn(sharesClipboard, this.welcome?.has_clipboard === true && this.role === "player");
  }

  /** Gives the mouse to the game: relative moves, no visible edge. Rejects where the browser or its user refuses. */
  lockPointer(): Promise<void> {
    return this.pointer.choose();
  }

  /** Lets the game hear the person, or no longer; only within a click or key of theirs. */
  toggleMicrophone(): void {
    if (this.microphone.state !== "off") return this.microphone.stop();
    this.microphone.start().catch((error: Error) => {
      this.options.onNotice({ level: "warning", message: error.message, hint: null });
    });
  }

  /** What an input method or the device's on-screen keyboard writes goes to the game, or no longer; only within a click, touch or key. */
  toggleTyping(): void {
    if (!this.input.isEnabled) return;
    // A device without keys types those of a US keyboard.
    const { profile } = this.options;
    if (this.keyboard.isPhone && profile.keyboard !== FIRST_LAYOUT)
      this.setProfile({ ...profile, keyboard: FIRST_LAYOUT });
    this.keyboard.toggle();
  }

  /** Leaves the stream; the session lives on. */
  close(): void {
    this.ends.abort();
    clearInterval(this.statsTimer);
    this.clipboard.close();
    this.microphone.stop();
    this.head.close();
    this.pads.close();
    this.input.close();
    this.keyboard.close();
    this.cursor.close();
    this.link.close();
    this.rtc.close();
    this.sound.close();
    this.surfaces.close();
  }

  private post(message: ToWorker): void {
    this.link.post(message);
  }

  private signal(message: FromBrowser): void {
    this.link.signal(message);
  }

  private write(channel: "input" | "motion", bytes: Uint8Array<ArrayBuffer>): void {
    if (this.state !== "open") return;
    if (this.transport === "webrtc") {
      if (channel === "motion" && this.rtc.bufferedBytes("motion") > 4096) return; // a newer move replaces this one
      if (this.rtc.write(channel, bytes)) return;
    }
    this.post({ type: "input", channel, bytes });
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case "link":
        return this.linkChanged(message.phase, message.fault, message.hasBeenOpen);
      case "seat":
        return this.heard(message.message);
      case "picture":
        if (this.transport !== "webrtc") {
          this.surfaces.framesDrawn({ width: message.widthPx, height: message.heightPx });
          this.sound.setRemote(null);
        }
        return;
      case "figures":
        this.figures = message.figures;
        return;
      case "watched":
        return this.diagnostics.watched(message);
      case "pixels":
        return this.diagnostics.pixels(message.id, message.pixels);
      case "sound_taken":
        return this.rtc.soundTaken();
      case "fault":
        return this.options.onNotice({ level: "warning", message: message.message, hint: null });
    }
  }

  private linkChanged(phase: LinkPhase, fault: string | null, hasBeenOpen: boolean): void {
    const state = playerState(phase, hasBeenOpen);
    if (state !== "open") this.input.releaseAll();
    if (state !== this.state) {
      this.state = state;
      this.options.onState(state, fault);
    }
    this.roleChanged();
  }

  /** What goes to the game follows who plays. */
  private roleChanged(): void {
    const isEnabled = this.state === "open" && this.role === "player";
    if (this.input.isEnabled && !isEnabled) this.input.releaseAll();
    this.input.isEnabled = isEnabled;
    this.head.want(this.welcome?.has_head_tracking === true && this.role === "player");
    this.setSharesClipboard(this.options.sharesClipboard);
    this.cursor.refresh();
    if (this.role === "player") return;
    this.microphone.stop();
    this.pointer.release();
  }

  private floorChanged(floor: FloorView): void {
    this.floor = floor;
    this.roleChanged();
    this.pads.tellAgain();
    this.options.onFloor?.(floor);
  }

  private heard(message: FromSeat): void {
    switch (message.type) {
      case "welcome":
        this.welcome = message;
        this.sound.setHasSound(message.has_sound);
        this.pointer.restarted();
        this.cursor.restarted();
        this.clipboard.restarted();
        this.options.onWelcome(message);
        return this.floorChanged(NOBODY);
      case "people":
        if (this.welcome) this.floorChanged(floorView(message, this.welcome.peer_id));
        return;
      case "video_config":
        this.meter.codec = message.codec;
        this.surfaces.configured(message);
        return;
      case "transport":
        this.transport = message.transport;
        this.meter.transportReason = message.reason;
        this.pads.tellAgain();
        if (message.transport === "webrtc") this.sound.setRemote(this.rtcSound);
        return;
      case "description":
        this.rtcSound = null;
        void this.rtc.answer(message.sdp, this.welcome?.ice_servers);
        return;
      case "pointer":
        return this.pointer.told(message.is_taken);
      case "cursor":
        return this.cursor.told(message);
      case "cursor_at":
        return this.cursor.toldPlace(message);
      case "rumble":
        return this.pads.rumble(message);
      case "clipboard_offer":
      case "clipboard_want":
      case "clipboard_part":
      case "clipboard_taken":
        return this.clipboard.receive(message);
      case "server_stats":
        this.meter.server = message;
        return;
      case "notice":
        return this.options.onNotice(message);
      case "ended":
        this.microphone.stop();
        this.input.releaseAll();
        return this.options.onEnded(message.end);
    }
  }

  private videoShown(frame: VideoFrameShown): void {
    this.videoFramesShown += 1;
    this.meter.videoRate.add(frame.atMs);
    if (this.transport === "webrtc" && this.surfaces.shown !== "rtc") this.surfaces.show("rtc");
    if (frame.rtpTimestamp !== null) {
      const stamp = { seq: this.videoFramesShown, clientTimeMs: frame.atMs };
      this.rtc.write("motion", encodeShown(stamp, frame.rtpTimestamp, (frame.processingMs ?? 0) * 1000, 0));
    }
    void this.diagnostics.videoShown();
  }

  private pictureChanged(): void {
    const picture = this.surfaces.picture;
    if (picture) this.options.onPicture(picture.width, picture.height);
    this.cursor.refresh();
  }

  private async measure(): Promise<void> {
    const { transport, figures, surfaces, sound } = this;
    const { stats, report } = await this.meter.read(this.rtc, {
      transport,
      worker: figures,
      picture: surfaces.picture,
      soundBufferMs: sound.bufferMs,
      framesPresented: surfaces.framesPresented,
    });
    this.stats = stats;
    this.options.onStats(stats);
    this.signal(report);
  }
}

/** Plays a session in `options.host`; ends with `close()`. */
export function createPlayer(options: PlayerOptions): Player {
  return new Player(options);
}
