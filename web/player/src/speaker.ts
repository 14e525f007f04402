/**
 * One way out to the loudspeaker: an audio context with the ring's player, a gain and a meter. The quick kind asks the system for the
 * shortest buffer there is, the patient kind for what it takes to be interactive. Main thread.
 */

import type { RingReport } from "./ring.worklet";
import ringUrl from "./ring.worklet.ts?worker&url";
import { type Playback, Struggle } from "./struggle";

/** Not every browser tells how much it fetches at once. */
const LEAST_LUMP_S = 0.01;

type Context = AudioContext & {
  setSinkId?(id: string): Promise<void>;
  /** https://webaudio.github.io/web-audio-api/#AudioPlaybackStats */
  readonly playbackStats?: Playback;
};

export interface SpeakerEvents {
  onState(): void;
  onFault(message: string): void;
  onOutputGone(): void;
}

export class Speaker {
  /** Whether it asks for the shortest buffer; only where a browser tells whether that is too short. */
  readonly isQuick: boolean;
  ringReport: RingReport | null = null;
  private readonly context: Context;
  private readonly gain: GainNode;
  private readonly meter: AnalyserNode;
  private readonly window = new Float32Array(2048);
  private readonly struggle = new Struggle();
  private remote: { source: MediaStreamAudioSourceNode; element: HTMLAudioElement } | null = null;
  private output = "";
  private isClosed = false;

  constructor(
    mayBeQuick: boolean,
    private readonly ring: SharedArrayBuffer | null,
    private readonly events: SpeakerEvents,
  ) {
    this.isQuick = mayBeQuick && "playbackStats" in AudioContext.prototype;
    this.context = new AudioContext({ latencyHint: this.isQuick ? 0 : "interactive", sampleRate: 48_000 });
    this.gain = this.context.createGain();
    this.meter = this.context.createAnalyser();
    this.meter.fftSize = this.window.length;
    this.gain.connect(this.meter).connect(this.context.destination);
    this.context.onstatechange = () => events.onState();
  }

  get isRunning(): boolean {
    return this.context.state === "running";
  }

  /** Loudness of what is really played now, RMS from 0 to 1. */
  get level(): number {
    if (!this.isRunning) return 0;
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

  /** To be asked once a second: whether the system's buffer has kept running dry, so that a patient speaker should take over. */
  isStruggling(): boolean {
    const stats = this.context.playbackStats;
    return this.isQuick && stats !== undefined && this.struggle.read(stats);
  }

  resume(): void {
    if (!this.isRunning) void this.context.resume();
  }

  setGain(gain: number): void {
    this.gain.gain.setTargetAtTime(gain, this.context.currentTime, 0.01);
  }

  /** Plays through this device; "" is the system's own choice. */
  setOutput(deviceId: string): void {
    if (deviceId === this.output || this.context.setSinkId === undefined) return;
    this.output = deviceId;
    this.context.setSinkId(deviceId).catch(() => {
      if (this.isClosed || this.output !== deviceId) return;
      this.events.onOutputGone();
    });
  }

  /** Plays the stream too, or null no more. */
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

  /** Plays the ring, or what comes through `samples` where memory can't be shared. */
  async connectRing(samples: MessagePort | null): Promise<void> {
    try {
      await this.context.audioWorklet.addModule(ringUrl);
      if (this.isClosed) return;
      const lumpFrames = Math.round(Math.max(LEAST_LUMP_S, this.context.baseLatency) * this.context.sampleRate);
      const processorOptions = { ring: this.ring, lumpFrames };
      const node = new AudioWorkletNode(this.context, "dillinger-ring", {
        outputChannelCount: [2],
        numberOfInputs: 0,
        processorOptions,
      });
      node.port.onmessage = (event: MessageEvent<RingReport>) => {
        this.ringReport = event.data;
      };
      if (samples) node.port.postMessage(samples, [samples]);
      node.connect(this.gain);
    } catch (error) {
      if (!this.isClosed) this.events.onFault(`Sound can't be played: ${String(error)}`);
    }
  }

  close(): void {
    this.isClosed = true;
    this.setRemote(null);
    this.context.onstatechange = null;
    void this.context.close();
  }
}
