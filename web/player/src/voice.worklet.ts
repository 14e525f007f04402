/** The audio thread's end of the microphone: hands out what it hears in pieces of 20 ms. */

/** The part of AudioWorkletGlobalScope that is used (its types clash with the page's). */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

const PIECE_SAMPLES = 960;

class VoiceTap extends AudioWorkletProcessor {
  private piece = new Float32Array(PIECE_SAMPLES);
  private filled = 0;

  process(inputs: Float32Array[][]): boolean {
    for (const sample of inputs[0]?.[0] ?? []) {
      this.piece[this.filled] = sample;
      this.filled += 1;
      if (this.filled < PIECE_SAMPLES) continue;
      this.port.postMessage(this.piece, [this.piece.buffer]);
      this.piece = new Float32Array(PIECE_SAMPLES);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("voice-tap", VoiceTap);
