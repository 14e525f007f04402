/** Opus packets in, interleaved samples out, in the worker. A packet that can't be decoded is silence, never an end. */

import { Concealment } from "./concealment";
import { CHANNELS } from "./ring";

const RATE = 48_000;

export class SoundDecoder {
  private decoder: AudioDecoder | null = null;
  private readonly concealment = new Concealment();
  /** Of each packet in the decoder: sample frames that were lost before it. */
  private lost: number[] = [];

  constructor(private readonly onSamples: (interleaved: Float32Array<ArrayBuffer>) => void) {}

  push(packet: Uint8Array<ArrayBuffer>, capturedAtUs: number, lostFrames = 0): void {
    if (typeof AudioDecoder === "undefined") return;
    if (!this.decoder || this.decoder.state === "closed") this.decoder = this.open();
    this.lost.push(lostFrames);
    this.decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: capturedAtUs, data: packet }));
  }

  private open(): AudioDecoder {
    this.lost = [];
    const decoder = new AudioDecoder({
      output: (data) => this.output(data),
      error: () => {
        if (this.decoder === decoder) this.decoder = null;
      },
    });
    decoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: CHANNELS });
    return decoder;
  }

  private output(data: AudioData): void {
    const frames = data.numberOfFrames;
    const interleaved = new Float32Array(frames * CHANNELS);
    const plane = new Float32Array(frames);
    for (let channel = 0; channel < CHANNELS; channel++) {
      const planeIndex = Math.min(channel, data.numberOfChannels - 1);
      data.copyTo(plane, { planeIndex, format: "f32-planar" });
      for (let frame = 0; frame < frames; frame++) interleaved[frame * CHANNELS + channel] = plane[frame] ?? 0;
    }
    data.close();
    const lostFrames = this.lost.shift() ?? 0;
    if (lostFrames > 0) this.onSamples(this.concealment.lost(lostFrames));
    this.onSamples(this.concealment.heard(interleaved));
  }
}
