/**
 * WebRTC's sound taken out before the browser's own jitter buffer, so that it goes the way of the WebSocket's: the page has one decoder, one
 * ring and one judgement of what to wait for. `takeOut` runs on the main thread, `readTaken` in the worker.
 *
 * Nothing is lost by it that the browser's own way had: the seat's Opus is of the kind without forward error correction in it.
 */

import { type InOrder, SoundOrder } from "./sound_order";

/** What a browser tells of a frame; which of these it knows differs. */
type Metadata = RTCEncodedAudioFrameMetadata & { sequenceNumber?: number; rtpTimestamp?: number };

/** What a worker gets where a transform was given to it (its full types clash with the page's). */
export interface TransformEvent extends Event {
  readonly transformer: { readonly readable: ReadableStream<RTCEncodedAudioFrame> };
}

/** Sends what `receiver` gets to `worker`; false where this browser can't, or the worker could not decode it. */
export function takeOut(receiver: RTCRtpReceiver, worker: Worker): boolean {
  if (typeof RTCRtpScriptTransform === "undefined" || typeof AudioDecoder === "undefined") return false;
  try {
    receiver.transform = new RTCRtpScriptTransform(worker);
    return true;
  } catch {
    return false;
  }
}

/** Hands out what `frames` brings until its connection ends. */
export async function readTaken(
  frames: ReadableStream<RTCEncodedAudioFrame>,
  onPacket: (packet: InOrder, timestamp: number) => void,
): Promise<void> {
  const order = new SoundOrder();
  const reader = frames.getReader();
  for (;;) {
    const { done, value: frame } = await reader.read();
    if (done) return;
    const { sequenceNumber, rtpTimestamp }: Metadata = frame.getMetadata();
    const timestamp = rtpTimestamp ?? frame.timestamp;
    const data = new Uint8Array(frame.data);
    const numbered = { sequence: sequenceNumber ?? null, timestamp, data };
    for (const packet of order.push(numbered)) onPacket(packet, timestamp);
  }
}
