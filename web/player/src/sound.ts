/**
 * What is heard: the ring of samples that the worker decodes of either transport, and where WebRTC's sound can't be taken there, the stream
 * that the browser decodes, run through one gain (volume, mute) and one meter. Browsers keep a page silent until somebody touches it: until
 * then the state is `blocked`, and the first touch or key anywhere starts it. Main thread.
 */

import type { RingReport } from "./ring.worklet";
import ringUrl from "./ring.worklet.ts?worker&url";

export type SoundState = "off" | "blocked" | "running";

/** Not every browser tells how much it fetches at once. */
const LEAST_LUMP_S = 0.01;
const TOUCHES = ["pointerdown", "pointerup", "keydown", "touchend"] as const;

export class Sound {
  private readonly context = new AudioContext({ latencyHint: "interactive", sampleRate: 48_000 });
  private readonly gain = this.context.createGain();
  private readonly meter = this.context.createAnalyser();
  private readonly window = new Float32Array(2048);
  private ringNode: AudioWorkletNode | null = null;
  private remote: { source: MediaStreamAudioSourceNode; element: HTMLAudioElement } | null = null;
  private ringReport: RingReport | null = null;
  private hasSound = false;
  private isClosed = false;
  private output = "";
  private readonly resume = (): void => {
    if (this.context.state !== "running") void this.context.resume();
  };

  volume = 1;
  isMuted = false;

  constructor(
    private readonly ring: SharedArrayBuffer | null,
    private readonly samples: MessagePort,
    private readonly onState: (state: SoundState) => void,
    private readonly onFault: (message: string) => void,
  ) {
    this.meter.fftSize = this.window.length;
    this.gain.connect(this.meter).connect(this.context.destination);
    this.context.onstatechange = () => this.onState(this.state);
    for (const touch of TOUCHES) window.addEventListener(touch, this.resume, { capture: true, passive: true });
    void this.connectRing();
  }

  get state(): SoundState {
    if (!this.hasSound || this.isClosed) return "off";
    return this.context.state === "running" ? "running" : "blocked";
  }

  /** Milliseconds of sound that wait in the ring; null is unknown. */
  get bufferMs(): number | null {
    return this.ringReport === null || this.remote ? null : this.ringReport.bufferedFrames / 48;
  }

  /** How often the ring had nothing while sound was on its way; null is unknown. */
  get gaps(): number | null {
    return this.ringReport?.gaps ?? null;
  }

  /** Who decodes what is heard: this player, or the browser by itself. */
  get decodedBy(): "player" | "browser" {
    return this.remote ? "browser" : "player";
  }

  /** Loudness of what is really played now, RMS from 0 to 1. */
  get level(): number {
    if (this.context.state !== "running") return 0;
    this.meter.getFloatTimeDomainData(this.window);
    const sum = this.window.reduce((total, sample) => total + sample * sample, 0);
    return Math.sqrt(sum / this.window.length);
  }

  /** The newest samples on their way to the loudspeaker, one channel; when the last leaves it (performance.now), and how long that takes, ms. */
  heard(): { samples: Float32Array; endsAtMs: number; outputMs: number } {
    this.meter.getFloatTimeDomainData(this.window);
    const { contextTime = 0, performanceTime = performance.now() } = this.context.getOutputTimestamp();
    const endsAtMs = performanceTime + (this.context.currentTime - contextTime) * 1000;
    return { samples: this.window, endsAtMs, outputMs: endsAtMs - performance.now() };
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
    const gain = isMuted ? 0 : this.volume ** 2;
    this.gain.gain.setTargetAtTime(gain, this.context.currentTime, 0.01);
  }

  /** Plays through this device; "" is the system's own choice, and what is played through where the device is gone. */
  setOutput(deviceId: string): void {
    const context = this.context as AudioContext & { setSinkId?(id: string): Promise<void> };
    if (deviceId === this.output || context.setSinkId === undefined) return;
    this.output = deviceId;
    context.setSinkId(deviceId).catch(() => {
      if (this.isClosed || this.output !== deviceId) return;
      this.onFault("The chosen loudspeaker is not there: the system's own choice plays.");
      this.output = "";
      void context.setSinkId?.("");
    });
  }

  /** Sound of a WebRTC stream that can't be taken out, or null to hear the ring alone again. */
  setRemote(stream: MediaStream | null): void {
    if (this.remote) {
      this.remote.source.disconnect();
      this.remote.element.srcObject = null;
      this.remote = null;
    }
    if (!stream) return;
    // Chromium feeds a remote stream into the graph only while some element plays it too.
    const element = new Audio();
    element.muted = true;
    element.srcObject = stream;
    element.play().catch(() => undefined); // refused before the first touch; the graph is blocked then, too
    const source = this.context.createMediaStreamSource(stream);
    source.connect(this.gain);
    this.remote = { source, element };
  }

  close(): void {
    this.isClosed = true;
    for (const touch of TOUCHES) window.removeEventListener(touch, this.resume, { capture: true });
    this.setRemote(null);
    this.context.onstatechange = null;
    void this.context.close();
  }

  private async connectRing(): Promise<void> {
    try {
      await this.context.audioWorklet.addModule(ringUrl);
      if (this.isClosed) return;
      const lumpFrames = Math.round(Math.max(LEAST_LUMP_S, this.context.baseLatency) * this.context.sampleRate);
      const processorOptions = { ring: this.ring, lumpFrames };
      const options = { outputChannelCount: [2], numberOfInputs: 0, processorOptions };
      const node = new AudioWorkletNode(this.context, "dillinger-ring", options);
      node.port.onmessage = (event: MessageEvent<RingReport>) => {
        this.ringReport = event.data;
      };
      node.port.postMessage(this.samples, [this.samples]);
      node.connect(this.gain);
      this.ringNode = node;
    } catch (error) {
      if (!this.isClosed && !this.ringNode) this.onFault(`Sound can't be played: ${String(error)}`);
    }
  }
}
