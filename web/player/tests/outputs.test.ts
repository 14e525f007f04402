/** Whether a chosen loudspeaker is still there, as far as a browser tells. */

import { expect, test } from "vitest";
import { isAmong } from "../src/outputs";

const MICROPHONE = { kind: "audioinput", deviceId: "desk" } as const;
const SPEAKER = { kind: "audiooutput", deviceId: "desk" } as const;
const NAMELESS = { kind: "audiooutput", deviceId: "" } as const;

test("a loudspeaker is there, is not, or is not told of", () => {
  expect(isAmong("desk", [MICROPHONE, SPEAKER])).toBe(true);
  expect(isAmong("shelf", [MICROPHONE, SPEAKER])).toBe(false);
  for (const devices of [[], [MICROPHONE], [NAMELESS]]) expect(isAmong("desk", devices)).toBeNull();
});
