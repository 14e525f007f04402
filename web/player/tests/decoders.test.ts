/** Which formats a browser is told to have, and pictures that are smaller than what they show. */

import { expect, test } from "vitest";
import { decodableFormats, decoderConfig } from "../src/decoders";
import { scaledBox } from "../src/media";

test("what the browser supports is told, a question that fails means no", async () => {
  const formats = await decodableFormats(async ({ codec }) => {
    if (codec.startsWith("av01")) throw new TypeError("no such codec");
    return { supported: !codec.startsWith("avc1.f4") };
  });
  expect(formats).toEqual(["h264", "h264-high", "vp8", "vp9"]);
});

test("decoders of VP8 and VP9 are told how colours are meant, the others' streams say so", () => {
  for (const codec of ["vp8", "vp09.00.51.08"]) {
    expect(decoderConfig(codec).colorSpace).toMatchObject({ matrix: "smpte170m", fullRange: false });
  }
  expect(decoderConfig("avc1.42c029").colorSpace).toBeUndefined();
});

test("a box of a smaller picture covers its place in the larger one, and what blends into it", () => {
  const [from, place] = scaledBox(
    { x: 100, y: 50, width: 20, height: 10 },
    { width: 640, height: 360 },
    { width: 1280, height: 720 },
  );
  expect(from).toEqual({ x: 98, y: 48, width: 24, height: 14 });
  expect(place).toEqual({ x: 196, y: 96, width: 48, height: 28 });
});

test("a box at the edge stays inside the picture", () => {
  const small = { width: 480, height: 270 };
  const [from, place] = scaledBox({ x: 460, y: 260, width: 20, height: 10 }, small, { width: 640, height: 360 });
  expect([from.x + from.width, from.y + from.height]).toEqual([480, 270]);
  expect(place.x + place.width).toBeCloseTo(640);
  expect(place.y + place.height).toBeCloseTo(360);
});
