/**
 * The person's microphone on its way to the game: picked up, cleaned by the browser, encoded as Opus. Main thread.
 *
 * Off until asked for, and each time anew. The seat's side is `stream/sound/voice.py`; the message is in `contracts/media.py`.
 */

import tapUrl from "./voice.worklet.ts?worker&url";

export const KIND_VOICE = 130;
const RATE_HZ = 48_000;
const PIECE_US = 20_000;
const BITRATE_BPS = 32_000;

export type MicrophoneState = "off" | "asking" | "on";

interface Open {
  stream: MediaStream;
  context: AudioContext;
  encoder: AudioEncoder;
}

export class Microphone {
  state: MicrophoneState = "off";
  private open: Open | null = null;
  private attempt = 0;

  constructor(
    private readonly send: (bytes: Uint8Array<ArrayBuffer>) => void,
    private readonly onState: (state: MicrophoneState) => void,
  ) {}

  /** Whether this browser, on this page, can do it. */
  static isSupported(): boolean {
    return typeof AudioEncoder !== "undefined" && navigator.mediaDevices !== undefined;
  }

  /** Asks the person where the browser wants that; rejects with what to tell them. */
  async start(): Promise<void> {
    if (this.state !== "off") return;
    this.attempt += 1;
    const { attempt } = this;
    this.become("asking");
    try {
      const open = await this.pickUp();
      if (attempt !== this.attempt) return shut(open); // switched off while it was asked
      this.open = open;
      this.become("on");
    } catch (error) {
      if (attempt !== this.attempt) return;
      this.become("off");
      throw new Error(reasonOf(error));
    }
  }

  stop(): void {
    this.attempt += 1;
    if (this.open !== null) shut(this.open);
    this.open = null;
    this.become("off");
  }

  private become(state: MicrophoneState): void {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }

  private async pickUp(): Promise<Open> {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    const context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    const encoder = new AudioEncoder({ output: (packet) => this.said(packet), error: () => this.stop() });
    const open = { stream, context, encoder };
    try {
      encoder.configure({ codec: "opus", sampleRate: RATE_HZ, numberOfChannels: 1, bitrate: BITRATE_BPS });
      await context.audioWorklet.addModule(tapUrl);
      const tap = new AudioWorkletNode(context, "voice-tap", { numberOfOutputs: 0, channelCount: 1 });
      let timestamp = 0;
      tap.port.onmessage = (event: MessageEvent<Float32Array<ArrayBuffer>>) => {
        if (encoder.state !== "configured") return;
        const piece = {
          format: "f32" as const,
          sampleRate: RATE_HZ,
          numberOfFrames: event.data.length,
          numberOfChannels: 1,
          timestamp,
          data: event.data,
        };
        const data = new AudioData(piece);
        timestamp += PIECE_US;
        encoder.encode(data);
        data.close();
      };
      context.createMediaStreamSource(stream).connect(tap);
      for (const track of stream.getTracks()) track.onended = () => this.stop();
      return open;
    } catch (error) {
      shut(open);
      throw error;
    }
  }

  private said(packet: EncodedAudioChunk): void {
    const message = new Uint8Array(1 + packet.byteLength);
    message[0] = KIND_VOICE;
    packet.copyTo(message.subarray(1));
    this.send(message);
  }
}

function shut({ stream, context, encoder }: Open): void {
  for (const track of stream.getTracks()) track.stop();
  if (encoder.state !== "closed") encoder.close();
  void context.close();
}

function reasonOf(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError")
    return "The browser was told not to let this page hear you. Allow it beside the address.";
  if (name === "NotFoundError") return "No microphone was found.";
  return `The microphone can’t be used: ${error instanceof Error ? error.message : String(error)}`;
}
