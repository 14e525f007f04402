/** The audio thread's end of the sample ring. */

import { JitterBuffer } from "./jitter";
import { type RingMemory, ringMemory, SampleRing } from "./ring";
import { RingReader } from "./ring_reader";

/** The part of AudioWorkletGlobalScope that is used (its types clash with the page's). */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
interface RingOptions {
  /** `lumpFrames` are fetched at once by what plays them. */
  processorOptions: { ring: RingMemory | null; lumpFrames: number };
}
declare function registerProcessor(name: string, processor: new (options: RingOptions) => AudioWorkletProcessor): void;

/** What the page is told twice a second. */
export interface RingReport {
  bufferedFrames: number;
  /** How often there was nothing to play while sound was on its way. */
  gaps: number;
}

const REPORT_EVERY_FRAMES = 24_000;

class RingPlayer extends AudioWorkletProcessor {
  private readonly ring: SampleRing;
  private readonly jitter: JitterBuffer;
  private readonly reader: RingReader;
  private sinceReport = 0;

  constructor(options: RingOptions) {
    super();
    this.jitter = new JitterBuffer(options.processorOptions.lumpFrames);
    this.ring = new SampleRing(options.processorOptions.ring ?? ringMemory(false));
    this.reader = new RingReader(this.ring, this.jitter);
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
    this.reader.play(output);
    this.sinceReport += wanted;
    if (this.sinceReport >= REPORT_EVERY_FRAMES) {
      this.sinceReport = 0;
      const report: RingReport = { bufferedFrames: this.ring.available(), gaps: this.jitter.gaps };
      this.port.postMessage(report);
    }
    return true;
  }
}

registerProcessor("dillinger-ring", RingPlayer);
