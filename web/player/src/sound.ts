/**
 * What is heard: the ring of samples that the worker decodes of either transport, and where WebRTC's sound can't be taken there, the stream
 * that the browser decodes, through one speaker. Browsers keep a page silent until somebody touches it: until then the state is `blocked`,
 * and the first touch or key anywhere starts it. Main thread.
 */

import { isAmong } from "./outputs";
import { Speaker, type SpeakerEvents } from "./speaker";

export type SoundState = "off" | "blocked" | "running";

const TOUCHES = ["pointerdown", "pointerup", "keydown", "touchend"] as const;

export class Sound {
  private speaker: Speaker;
  private remote: MediaStream | null = null;
  private gapsBefore = 0;
  private hasSound = false;
  private isClosed = false;
  /** The loudspeaker that was chosen, and what plays: another where that one is not there. */
  private wished = "";
  private output = "";
  private readonly devicesChanged = (): void => void this.lookForOutput();
  private readonly resume = (): void => this.speaker.resume();
  private readonly watch: ReturnType<typeof setInterval>;
  private readonly events: SpeakerEvents = {
    onState: () => this.onState(this.state),
    onFault: (message) => this.onFault(message),
    onOutputGone: () => this.outputGone(),
  };

  volume = 1;
  isMuted = false;

  constructor(
    private readonly ring: SharedArrayBuffer | null,
    samples: MessagePort,
    private readonly onState: (state: SoundState) => void,
    private readonly onFault: (message: string) => void,
  ) {
    // Without shared memory the samples' port goes to one speaker for good, so that one has to be sure.
    this.speaker = new Speaker(ring !== null, ring, this.events);
    for (const touch of TOUCHES) window.addEventListener(touch, this.resume, { capture: true, passive: true });
    navigator.mediaDevices?.addEventListener("devicechange", this.devicesChanged);
    void this.speaker.connectRing(samples);
    this.watch = setInterval(() => {
      if (this.speaker.isStruggling()) this.relax();
    }, 1000);
  }

  get state(): SoundState {
    if (!this.hasSound || this.isClosed) return "off";
    return this.speaker.isRunning ? "running" : "blocked";
  }

  /** Milliseconds of sound that wait in the ring; null is unknown. */
  get bufferMs(): number | null {
    const report = this.speaker.ringReport;
    return report === null || this.remote ? null : report.bufferedFrames / 48;
  }

  /** How often the ring had nothing while sound was on its way; null is unknown. */
  get gaps(): number | null {
    const report = this.speaker.ringReport;
    return report && this.gapsBefore + report.gaps;
  }

  /** Who decodes what is heard: this player, or the browser by itself. */
  get decodedBy(): "player" | "browser" {
    return this.remote ? "browser" : "player";
  }

  /** Whether the shortest buffer of the system's is used. */
  get isQuick(): boolean {
    return this.speaker.isQuick;
  }

  get level(): number {
    return this.speaker.level;
  }

  heard(): ReturnType<Speaker["heard"]> {
    return this.speaker.heard();
  }

  setHasSound(hasSound: boolean): void {
    this.hasSound = hasSound;
    this.resume();
    this.onState(this.state);
  }

  setVolume(volume: number, isMuted: boolean): void {
    this.volume = Math.min(1, Math.max(0, volume));
    this.isMuted = isMuted;
    // Loudness is heard by powers: the square makes the middle of the slider sound like half.
    this.speaker.setGain(isMuted ? 0 : this.volume ** 2);
  }

  /** Plays through this device while it is there; "" is the system's own choice, which plays meanwhile. */
  setOutput(deviceId: string): void {
    this.wished = deviceId;
    this.playThrough(deviceId);
  }

  /** Sound of a WebRTC stream that can't be taken out, or null to hear the ring alone again. */
  setRemote(stream: MediaStream | null): void {
    this.remote = stream;
    this.speaker.setRemote(stream);
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.watch);
    navigator.mediaDevices?.removeEventListener("devicechange", this.devicesChanged);
    for (const touch of TOUCHES) window.removeEventListener(touch, this.resume, { capture: true });
    this.speaker.close();
  }

  private playThrough(deviceId: string): void {
    this.output = deviceId;
    this.speaker.setOutput(deviceId);
  }

  private outputGone(): void {
    this.onFault("The chosen loudspeaker is not there: the system's own choice plays.");
    this.playThrough("");
  }

  /** A loudspeaker was plugged in or out. */
  private async lookForOutput(): Promise<void> {
    if (this.wished === "") return;
    const isThere = isAmong(this.wished, await navigator.mediaDevices.enumerateDevices().catch(() => []));
    if (this.isClosed || isThere === null) return;
    if (isThere && this.output !== this.wished) this.playThrough(this.wished);
    else if (!isThere && this.output === this.wished) this.outputGone();
  }

  /** The system's shortest buffer is too short for this machine: another speaker takes over, with a longer one. */
  private relax(): void {
    this.gapsBefore = this.gaps ?? 0;
    this.speaker.close();
    this.speaker = new Speaker(false, this.ring, this.events);
    this.speaker.resume();
    this.speaker.setOutput(this.output);
    this.setVolume(this.volume, this.isMuted);
    this.speaker.setRemote(this.remote);
    void this.speaker.connectRing(null);
  }
}
