"""Measures both transports side by side: a pre-encoded 720p60 stream, a hub, a viewer (`docs/adr/0001-transport.md`).

    .venv/bin/python packages/stream/tests/hub/measure_transports.py [--viewer chromium] [--bitrate 12000000]
    .venv/bin/python packages/stream/tests/hub/measure_transports.py --viewer chromium --transport webrtc --taken

The hub runs in this process, so its CPU time per frame is all transport; the viewer runs in another. Latency is from
the capture to the `shown` received, which is sent when the frame is decoded, and in Chromium over WebRTC when it is
presented. `--taken` has Chromium hand WebRTC's pictures to a worker on their way, which tells how long that takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from dillinger_contracts.input import InputEvent, Shown, encode
from dillinger_contracts.media import Box
from dillinger_contracts.session import Preference
from dillinger_contracts.signaling import SUBPROTOCOL
from dillinger_contracts.tickets import TicketClaims
from dillinger_stream.formats import CodecWish
from dillinger_stream.frames import AccessUnit
from dillinger_stream.hub import HubParts, HubSettings, StreamHub
from dillinger_stream.telemetry import PipelineStats
from dillinger_stream.transport.carrier import Carrier
from dillinger_stream.transport.flow import percentile
from dillinger_stream.transport.link import SERVER_OPTIONS, WebSocketLink

WIDTH_PX, HEIGHT_PX, RATE_HZ = 1280, 720, 60


class NoSink:
    """Input is not measured here."""

    def handle(self, event: InputEvent) -> None:
        """Nothing."""

    def release_all(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Tape:
    """Two seconds of full-screen motion, encoded once and played in a loop; a wanted keyframe rewinds it."""

    def __init__(self, bitrate_bps: int) -> None:
        self._units = _record(bitrate_bps)
        self._at = 0
        self._sequence = 0
        self.frame_bytes = sum(len(unit.data) for unit in self._units) / len(self._units)

    def request_keyframe(self) -> None:
        """Rewinds."""
        self._at = 0

    def pause(self) -> None:
        """Nobody looks."""

    def resume(self) -> None:
        """Somebody looks."""

    def reconfigure(
        self,
        *,
        bitrate_bps: int | None = None,
        rate_hz: float | None = None,
        preference: Preference | None = None,
        codec: CodecWish | None = None,
        hold_until_ns: int | None = None,
        draws_pointer: bool | None = None,
    ) -> None:
        """A tape can't."""

    def stats(self) -> PipelineStats:
        """None are known."""
        return PipelineStats(0.0, 0.0, formats=())

    def next(self) -> AccessUnit:
        """The next unit, captured now."""
        unit = replace(self._units[self._at], sequence=self._sequence, captured_at_ns=time.monotonic_ns())
        self._at = (self._at + 1) % len(self._units)
        self._sequence += 1
        return unit


def _record(bitrate_bps: int) -> list[AccessUnit]:
    codec: Any = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    codec.framerate, codec.time_base, codec.bit_rate = Fraction(RATE_HZ), Fraction(1, RATE_HZ), bitrate_bps
    codec.options = {
        "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps // 10), "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1",
    }  # fmt: skip
    codec.thread_count = 1
    chance = np.random.default_rng(7)
    world = chance.integers(16, 235, (HEIGHT_PX // 8, WIDTH_PX // 4), np.uint8).repeat(8, 0).repeat(8, 1)
    units: list[AccessUnit] = []
    for number in range(2 * RATE_HZ):
        picture = np.full((HEIGHT_PX * 3 // 2, WIDTH_PX), 128, np.uint8)
        picture[:HEIGHT_PX] = world[:, number * 8 : number * 8 + WIDTH_PX]
        grain = chance.integers(0, 40, (HEIGHT_PX // 4, WIDTH_PX // 4), np.uint8).repeat(4, 0).repeat(4, 1)
        picture[:HEIGHT_PX] -= grain // 4
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, RATE_HZ)
        data = b"".join(bytes(packet) for packet in codec.encode(frame))
        whole = Box(0, 0, WIDTH_PX, HEIGHT_PX)
        units.append(AccessUnit(data, number, 0, WIDTH_PX, HEIGHT_PX, whole, number == 0, "avc1.42c020"))
    return units


def page(connection: ServerConnection, request: Request) -> Response | None:
    """The page for Chromium, from the port that the stream comes from."""
    if not request.path.startswith("/page"):
        return None
    response = connection.respond(200, Path(__file__).with_name("measure_transports.html").read_text("utf-8"))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "text/html"
    return response


async def measure(transport: str, viewer: Sequence[str], seconds: float, tape: Tape) -> dict[str, Any]:
    """Plays the tape to one viewer, started with these arguments, over one transport."""
    claims = TicketClaims(jti="0" * 16, sub="ann", sid="a" * 20, role="player", iat=0, exp=1)
    hub = StreamHub(
        HubParts(
            admit=lambda _: claims,
            make_sink=lambda _: NoSink(),
            resize=None,
            has_sound=False,
            on_peers_changed=lambda _: None,
        ),
        HubSettings(stats_interval_s=0.5),
    )
    hub.attach(tape)
    async with serve(
        lambda c: hub.serve(WebSocketLink(c)), "127.0.0.1", 0, process_request=page, **SERVER_OPTIONS
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        command = [sys.executable, __file__, "--as", *viewer, "--port", str(port), "--transport", transport]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            return await _play(hub, tape, transport, seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _play(hub: StreamHub, tape: Tape, transport: str, seconds: float) -> dict[str, Any]:
    latencies_ms: list[float] = []
    frames, cpu_s, began_s = 0, 0.0, None
    next_s = time.monotonic()
    while began_s is None or time.monotonic() - began_s < seconds:
        next_s += 1 / RATE_HZ
        hub.publish(tape.next())
        await asyncio.sleep(max(0.0, next_s - time.monotonic()))
        carrier = next((peer._carrier for peer in hub._peers.values() if peer._carrier), None)
        if not isinstance(carrier, Carrier) or carrier.kind != transport or carrier.latency_ms_p50 is None:
            continue
        if began_s is None:
            began_s, cpu_s = time.monotonic(), time.process_time()
            carrier._active._window.measure()
        frames += 1
        latencies_ms += carrier._active._window._latencies_ms
        carrier._active._window._latencies_ms.clear()
    assert began_s is not None
    cpu_s = time.process_time() - cpu_s
    return {
        "frames": frames,
        "cpu_ms_per_frame": round(cpu_s * 1000 / frames, 2),
        "cpu_percent": round(100 * cpu_s / (time.monotonic() - began_s), 1),
        "latency_ms_p50": round(percentile(latencies_ms, 0.5) or -1, 1),
        "latency_ms_p95": round(percentile(latencies_ms, 0.95) or -1, 1),
        "shown": len(latencies_ms),
        "dropped": carrier.dropped_frames if carrier else None,
    }


async def view_by_python(port: int, transport: str) -> None:
    """Decodes with PyAV; over WebRTC with aiortc."""
    from aiortc import RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver

    rtcrtpreceiver.TimestampMapper.map = lambda _, timestamp: timestamp  # type: ignore[assignment,method-assign]

    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.flags |= 1 << 19
    options: Any = {"subprotocols": [SUBPROTOCOL], "max_size": None, "compression": None}
    pc = RTCPeerConnection()
    motion: list[Any] = []
    origins: list[int] = []
    watching: list[asyncio.Task[None]] = []

    async def watch(track: Any) -> None:
        while True:
            frame = await track.recv()
            if motion:
                motion[0].send(encode(Shown(frame=frame.pts & 0xFFFFFFFF, decode_us=0, draw_us=0)))
            origins.append(frame.pts)

    pc.on("track", lambda track: watching.append(asyncio.ensure_future(watch(track))))
    pc.on("datachannel", lambda channel: motion.append(channel) if channel.label == "motion" else None)
    async with connect(f"ws://127.0.0.1:{port}", **options) as connection:
        hello = {"type": "hello", "version": 1, "ticket": "x", "transport": transport}
        await connection.send(json.dumps(hello))
        async for message in connection:
            if isinstance(message, bytes):
                sequence = int.from_bytes(message[4:8], "little")
                if decoder.decode(av.Packet(message[28:])):
                    await connection.send(encode(Shown(frame=sequence, decode_us=0, draw_us=0)))
            elif (signal := json.loads(message))["type"] == "description":
                await pc.setRemoteDescription(RTCSessionDescription(signal["sdp"], "offer"))
                await pc.setLocalDescription(await pc.createAnswer())
                answer = {"type": "description", "kind": "answer", "sdp": pc.localDescription.sdp}
                await connection.send(json.dumps(answer))


async def view_by_chromium(port: int, transport: str, *, is_taken: bool) -> None:
    """Decodes in a worker (WebSocket), or plays in a video element (WebRTC)."""
    from playwright.async_api import async_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--autoplay-policy=no-user-gesture-required"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        page = await browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
        page.on("console", lambda message: print(message.text, file=sys.stderr))
        taken = "&taken=yes" if is_taken else ""
        await page.goto(f"http://127.0.0.1:{port}/page?port={port}&transport={transport}{taken}")
        await asyncio.Event().wait()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--viewer", choices=["python", "chromium"], default="python")
    parser.add_argument("--bitrate", type=int, default=12_000_000)
    parser.add_argument("--as", dest="role", choices=["python", "chromium"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--transport", choices=["websocket", "webrtc"], help="only this one")
    parser.add_argument("--taken", action="store_true", help="by RTCRtpScriptTransform: Chromium over WebRTC")
    args = parser.parse_args()
    if args.role:
        if args.role == "python":
            asyncio.run(view_by_python(args.port, args.transport))
        else:
            asyncio.run(view_by_chromium(args.port, args.transport, is_taken=args.taken))
        return
    viewer = [args.viewer, "--taken"] if args.taken else [args.viewer]
    tape = Tape(args.bitrate)
    print(f"{tape.frame_bytes:.0f} bytes a frame")
    for transport in [args.transport] if args.transport else ("websocket", "webrtc", "websocket", "webrtc"):
        print(transport, json.dumps(asyncio.run(measure(transport, viewer, args.seconds, tape))), flush=True)


if __name__ == "__main__":
    main()
