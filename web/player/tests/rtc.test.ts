import { expect, test, vi } from "vitest";
import { RtcPath } from "../src/rtc";

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
    onFault: nothing,
    onNetworkChanged: nothing,
  });
  const server = { urls: ["turn:turn.example.org"], username: "1:a", credential: "b" };
  await path.answer("offer", [server]);
  await path.answer("offer");
  expect(asked).toEqual([{ iceServers: [server] }, { iceServers: [] }]);
  vi.unstubAllGlobals();
});
