/** The audio thread's end of the sample ring: plays what the jitter buffer's judgement lets through. */

import { JitterBuffer } from "./jitter";
import { type RingMemory, ringMemory, SampleRing } from "./ring";

/** The part of AudioWorkletGlobalScope that is used (its types clash with the page's). */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new (options: { processorOptions: { ring: RingMemory | null } }) => AudioWorkletProcessor,
): void;

const REPORT_EVERY_FRAMES = 24_000;

class RingPlayer extends AudioWorkletProcessor {
  private readonly ring: SampleRing;
  private readonly jitter = new JitterBuffer();
  private sinceReport = 0;

  constructor(options: { processorOptions: { ring: RingMemory | null } }) {
    super();
    this.ring = new SampleRing(options.processorOptions.ring ?? ringMemory(false));
    this.port.onmessage = (event: MessageEvent<MessagePort>) => {
      const samples = event.data;
      samples.onmessage = (chunk: MessageEvent<Float32Array>) => {
        this.ring.write(chunk.data);
      };
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0];
    const wanted = output?.[0]?.length ?? 0;
    if (!output || wanted === 0) return true;
    const verdict = this.jitter.next(this.ring.available(), wanted);
    if (verdict.skip > 0) this.ring.skip(verdict.skip);
    this.ring.read(output, verdict.play);
    this.sinceReport += wanted;
    if (this.sinceReport >= REPORT_EVERY_FRAMES) {
      this.sinceReport = 0;
      this.port.postMessage(this.ring.available());
    }
    return true;
  }
}

registerProcessor("dillinger-ring", RingPlayer);
