/** The TypeScript codec writes the golden bytes that the Python codec reads. */

import { expect, test } from "vitest";
import golden from "../../../packages/contracts/golden/input.json";
import * as input from "../src/input.gen";

interface Vector {
  op: string;
  seq: number;
  client_time_ms: number;
  payload: Record<string, number | boolean>;
  hex: string;
}

type Encoder = (stamp: input.Stamp, ...values: (number | boolean)[]) => Uint8Array;

function encoderOf(op: string): Encoder {
  const name = `encode${op.replaceAll(/(^|_)(\w)/g, (_, _gap, letter: string) => letter.toUpperCase())}`;
  return (input as unknown as Record<string, Encoder>)[name] as Encoder;
}

test.each(golden.vectors as unknown as Vector[])("$op $seq", (vector) => {
  const stamp = { seq: vector.seq, clientTimeMs: vector.client_time_ms };
  const bytes = encoderOf(vector.op)(stamp, ...Object.values(vector.payload));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  expect(hex).toBe(vector.hex);
});

test("every op has a golden vector", () => {
  const seen = new Set(golden.vectors.map((vector) => vector.op));
  expect([...seen].sort()).toEqual(Object.keys(input.OPS).sort());
});

test("what does not fit its field is clamped, not wrapped", () => {
  const bytes = input.encodeMoveBy({ seq: 1, clientTimeMs: 0.7 }, 1e6, -1e6);
  const view = new DataView(bytes.buffer);
  expect([view.getInt16(8, true), view.getInt16(10, true)]).toEqual([32767, -32768]);
});
