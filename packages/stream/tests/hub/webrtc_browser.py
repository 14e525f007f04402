"""The browser's side of WebRTC, by aiortc, for tests of the transport alone and of a hub's."""

from __future__ import annotations

import asyncio
from typing import Any

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from packages.stream.tests.hub.conftest import Viewer, until

from dillinger_contracts.signaling import Candidate, Description


class Browser:
    """The browser's side of one RTCPeerConnection, by aiortc."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.channels: dict[str, Any] = {}
        self.frames: list[Any] = []
        self.rtp_times: list[int] = []
        self.sounds: list[Any] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.pc.on("datachannel", lambda channel: self.channels.update({channel.label: channel}))
        self.pc.on("track", self._on_track)

    async def answer(self, offer: str) -> str:
        await self.pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return str(self.pc.localDescription.sdp)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.pc.close()

    def receiver(self, kind: str) -> RTCRtpReceiver:
        return next(t.receiver for t in self.pc.getTransceivers() if t.kind == kind)

    def _on_track(self, track: Any) -> None:
        self.tasks.append(asyncio.ensure_future(self._watch(track)))

    async def _watch(self, track: Any) -> None:
        while True:
            frame = await track.recv()
            if track.kind == "video":
                self.frames.append(frame.to_ndarray(format="yuv420p"))
                self.rtp_times.append(frame.pts)
            else:
                self.sounds.append(frame)


async def watch_webrtc(viewer: Viewer) -> Browser:
    """Answers the seat's offer as a browser does, candidates and all."""
    await until(lambda: bool(viewer.of(Description)), "the offer")
    browser = Browser()
    answer = await browser.answer(viewer.of(Description)[-1].sdp)
    plain = [line for line in answer.splitlines() if not line.startswith(("a=candidate", "a=end-of-candidates"))]
    await viewer.say(Description(kind="answer", sdp="\r\n".join(plain) + "\r\n"))
    candidates = {line for line in answer.splitlines() if line.startswith("a=candidate")}
    for line in candidates:
        await viewer.say(Candidate(candidate=line.removeprefix("a="), sdp_mid="1", sdp_m_line_index=1))
    await viewer.say(Candidate(candidate="", sdp_mid="0"))
    return browser
