import { expect, test, vi } from "vitest";
import { type RtcEvents, RtcPath } from "../src/rtc";

test("the browser\u2019s side uses the servers that the seat names", async () => {
  const asked: RTCConfiguration[] = [];
  class Connection {
    constructor(configuration: RTCConfiguration) {
      asked.push(configuration);
    }
    async setRemoteDescription() {}
    async createAnswer() {
      return { type: "answer", sdp: "v=0" };
    }
    async setLocalDescription() {}
    close() {}
  }
  vi.stubGlobal("RTCPeerConnection", Connection);
  const nothing = () => undefined;
  const path = new RtcPath({
    send: nothing,
    onPicture: nothing,
    onSound: nothing,
    takeSound: () => true,
    onFault: nothing,
    onNetworkChanged: nothing,
  });
  const server = { urls: ["turn:turn.example.org"], username: "1:a", credential: "b" };
  await path.answer("offer", [server]);
  await path.answer("offer");
  expect(asked).toEqual([{ iceServers: [server] }, { iceServers: [] }]);
  vi.unstubAllGlobals();
});

test("servers that the browser takes for none are told, and nothing is thrown", async () => {
  class Refusing {
    constructor() {
      throw new SyntaxError("no such server");
    }
  }
  vi.stubGlobal("RTCPeerConnection", Refusing);
  const onFault = vi.fn();
  const nothing = () => undefined;
  const rest = {
    send: nothing,
    onPicture: nothing,
    onSound: nothing,
    takeSound: () => true,
    onNetworkChanged: nothing,
  };
  await new RtcPath({ ...rest, onFault }).answer("offer", [{ urls: ["turn"], username: "", credential: "" }]);
  expect(onFault).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("no such server"));
  vi.unstubAllGlobals();
});

/** A connection that has got a track of sound, and says how many packets of it came. */
function soundPath(events: Partial<RtcEvents>) {
  let made: { ontrack?: (event: unknown) => void; packets: number } | undefined;
  let closed = 0;
  class Connection {
    connectionState = "connected";
    packets = 0;
    constructor() {
      made = this;
    }
    async setRemoteDescription() {}
    async createAnswer() {
      return { type: "answer", sdp: "v=0" };
    }
    async setLocalDescription() {}
    async getStats() {
      return new Map([["1", { type: "inbound-rtp", kind: "audio", packetsReceived: this.packets }]]);
    }
    close() {
      closed += 1;
    }
  }
  vi.stubGlobal("RTCPeerConnection", Connection);
  const nothing = () => undefined;
  const all = { send: nothing, onPicture: nothing, onFault: nothing, onNetworkChanged: nothing, ...events };
  const path = new RtcPath({ onSound: nothing, takeSound: () => true, ...all });
  const receiver = { transform: "taken" as unknown };
  return {
    path,
    closed: () => closed,
    begin: async () => {
      await path.answer("offer");
      made?.ontrack?.({ track: { kind: "audio" }, receiver, streams: ["stream"] });
    },
    receive: async (packets: number) => {
      if (made) made.packets = packets;
      await path.figures();
    },
  };
}

test("sound that can't be taken out goes the browser\u2019s own way", async () => {
  const onSound = vi.fn();
  const { begin } = soundPath({ onSound, takeSound: () => false });
  await begin();
  expect(onSound).toHaveBeenCalledWith("stream");
  vi.unstubAllGlobals();
});

test("sound that comes, but not to where it is taken, gets a connection that nothing is taken of", async () => {
  vi.useFakeTimers();
  const onSound = vi.fn();
  const { begin, receive, closed } = soundPath({ onSound });
  await begin();
  await receive(100);
  vi.advanceTimersByTime(5000);
  await receive(300);
  vi.advanceTimersByTime(1000);
  await receive(400);
  expect(closed()).toBe(0); // the worker may have had no turn yet
  vi.advanceTimersByTime(5000);
  await receive(500);
  expect(closed()).toBe(1);
  expect(onSound).not.toHaveBeenCalled();
  await begin();
  expect(onSound).toHaveBeenCalledExactlyOnceWith("stream");
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("sound that was seen where it is taken stays there", async () => {
  const onSound = vi.fn();
  const { begin, receive, path } = soundPath({ onSound });
  await begin();
  path.soundTaken();
  await receive(5000);
  expect(onSound).not.toHaveBeenCalled();
  vi.unstubAllGlobals();
});
