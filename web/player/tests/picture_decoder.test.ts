/** The decoder of pictures is kept at work, whatever comes. */

import { afterEach, expect, test, vi } from "vitest";
import { PictureDecoder } from "../src/picture_decoder";

/** Refuses what it is told to; else decodes at once. */
class Decoder {
  static refuses = false;
  state = "unconfigured";
  decodeQueueSize = 0;
  constructor(private readonly init: { output: (frame: unknown) => void }) {}
  configure() {
    this.state = "configured";
  }
  decode({ timestamp }: { timestamp: number }) {
    if (Decoder.refuses) throw new DOMException("No key frame", "DataError");
    this.init.output({ timestamp, close: () => undefined });
  }
  close() {
    this.state = "closed";
  }
}

class Chunk {
  constructor(init: object) {
    Object.assign(this, init);
  }
}

afterEach(() => vi.unstubAllGlobals());

test("what is called a keyframe and is none ends nothing: another is asked for, and shown", () => {
  vi.stubGlobal("VideoDecoder", Decoder);
  vi.stubGlobal("EncodedVideoChunk", Chunk);
  const [onFrame, askKeyframe, onUnsupported] = [vi.fn(), vi.fn(), vi.fn()];
  const decoder = new PictureDecoder({ onFrame, askKeyframe, onUnsupported });
  decoder.setConfig({ type: "video_config", codec: "avc1.42c029", width_px: 64, height_px: 64 });
  const keyframe = (sequence: number) => ({
    kind: "picture" as const,
    sequence,
    isKeyframe: true,
    capturedAtUs: 0,
    widthPx: 64,
    heightPx: 64,
    box: { x: 0, y: 0, width: 64, height: 64 },
    data: new Uint8Array([0]),
  });
  Decoder.refuses = true;
  decoder.push(keyframe(1), 0);
  expect(askKeyframe).toHaveBeenCalledOnce();
  Decoder.refuses = false;
  decoder.push(keyframe(2), 1);
  expect(onFrame.mock.calls.map(([, facts]) => facts.sequence)).toEqual([2]);
  expect(onUnsupported).not.toHaveBeenCalled();
});
