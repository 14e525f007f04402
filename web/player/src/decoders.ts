/** What this browser decodes by WebCodecs: asked once, since each question takes a moment. */

import type { VideoFormat } from "./signal";

/** Every format with a codec string of it; H.264's baseline is what every seat begins with. */
const TRIED: readonly [VideoFormat, string][] = [
  ["h264", "avc1.42c029"],
  ["h264-high", "avc1.640029"],
  ["h264-444", "avc1.f40029"],
  ["vp8", "vp8"],
  ["vp9", "vp09.00.51.08"],
  ["av1", "av01.0.09M.08"],
];

type Ask = (config: VideoDecoderConfig) => Promise<{ supported?: boolean }>;

/** The formats that are decoded; a question that fails means no. */
export async function decodableFormats(
  ask: Ask = (config) => VideoDecoder.isConfigSupported(config),
): Promise<VideoFormat[]> {
  const asked = TRIED.map(async ([format, codec]): Promise<VideoFormat | null> => {
    try {
      const answer = await ask({ codec, codedWidth: 1280, codedHeight: 720, optimizeForLatency: true });
      return answer.supported ? format : null;
    } catch {
      return null;
    }
  });
  return (await Promise.all(asked)).filter((format) => format !== null);
}

/** What a decoder of `codec` is to be set up with. VP8 does not say how its colours are meant, and of VP9 Chromium does not believe it. */
export function decoderConfig(codec: string): VideoDecoderConfig {
  const config: VideoDecoderConfig = { codec, optimizeForLatency: true };
  if (!codec.startsWith("vp")) return config;
  return { ...config, colorSpace: { primaries: "bt709", transfer: "bt709", matrix: "smpte170m", fullRange: false } };
}
