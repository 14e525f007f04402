/** Signaling as the page reads it: known messages whole, anything else dropped. */

import { expect, test } from "vitest";
import { parseFromSeat } from "../src/signal";

test("a message that is known and whole is read", () => {
  const text = JSON.stringify({ type: "transport", transport: "webrtc", reason: "loss" });
  expect(parseFromSeat(text)).toEqual({ type: "transport", transport: "webrtc", reason: "loss" });
});

test("whether the game shows a pointer", () => {
  expect(parseFromSeat('{"type":"pointer","is_taken":false}')).toEqual({ type: "pointer", is_taken: false });
});

test.each([
  "",
  "garbage{",
  "null",
  "[]",
  '"welcome"',
  "{}",
  '{"type":"__proto__"}',
  '{"type":"constructor"}',
  '{"type":"welcome"}',
  '{"type":"description","kind":"offer","sdp":5}',
  '{"type":"ended","end":null}',
  '{"type":"pointer"}',
  '{"type":"pointer","is_taken":"no"}',
  '{"type":"server_stats","formats":"av1"}',
  '{"type":"server_stats","codec_reason":{"why":"none"}}',
  '{"type":"notice","level":"info","code":"a","message":"b","hint":{}}',
  '{"type":"welcome","peer_id":1,"role":"player","has_sound":true,"is_resizable":true,"ice_servers":"turn:example.org"}',
])("%s is dropped", (text) => {
  expect(parseFromSeat(text)).toBeNull();
});

test("what is not said, or said to be nothing, is nothing", () => {
  const said = { type: "server_stats", capture_fps: null, dropped_frames: 0, viewers: 1, of_a_newer_seat: {} };
  expect(parseFromSeat(JSON.stringify(said))).toEqual(said);
});

test("an end that no game can have is shown as far as it makes sense", () => {
  const end = { reason: "game_crashed", message: "", exit_code: { a: 1 }, signal: ["x"], log_tail: "no list" };
  expect(parseFromSeat(JSON.stringify({ type: "ended", end }))).toMatchObject({
    end: { reason: "game_crashed", exit_code: null, signal: null, log_tail: [] },
  });
});

test("the end of a session is read in the runner's spelling and in core's", () => {
  const end = { reason: "game_crashed", message: "", signal: "SIGSEGV", ended_at: "t" };
  const camel = parseFromSeat(JSON.stringify({ type: "ended", end: { ...end, exitCode: null, logTail: ["a"] } }));
  const snake = parseFromSeat(JSON.stringify({ type: "ended", end: { ...end, exit_code: null, log_tail: ["a"] } }));
  expect(camel).toEqual(snake);
  expect(camel).toMatchObject({ end: { signal: "SIGSEGV", log_tail: ["a"], exit_code: null } });
});
