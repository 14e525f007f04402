"""What each further peer costs a hub's process: 60 units of 25 kB a second (12 Mbit/s) over WebSockets, for nobody, the
player, and one, four watchers more, the last time with one that reads five messages a second.

`python packages/stream/tests/hub/measure_watchers.py` from the root. The peers are a process of their own and decode
nothing; CPU time is the hub's alone, so that it means something on a busy machine too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import unix_connect
from websockets.asyncio.server import unix_serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from dillinger_contracts.input import InputEvent, Shown, encode
from dillinger_contracts.media import Box
from dillinger_contracts.signaling import SIGNALING_VERSION, SUBPROTOCOL, Hello
from dillinger_contracts.tickets import TicketClaims
from dillinger_stream.frames import AccessUnit
from dillinger_stream.hub import HubParts, StreamHub
from dillinger_stream.telemetry import PipelineStats
from dillinger_stream.transport.link import SERVER_OPTIONS, WebSocketLink

RATE_HZ, UNIT_BYTES, KEYFRAME_BYTES = 60, 25_000, 100_000
SETTLE_S, WINDOW_S = 2.0, 8.0
SLOW_S = 0.2
CROWDS = ((0, False), (1, False), (2, False), (5, False), (5, True))


class Source:
    """Units of the same size, apart from the keyframes that are asked for."""

    def __init__(self) -> None:
        self.keyframes = 0
        self.made = 0
        self._wants_keyframe = True
        self._body = os.urandom(KEYFRAME_BYTES)

    def request_keyframe(self) -> None:
        self.keyframes += 1
        self._wants_keyframe = True

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def reconfigure(self, **_: Any) -> None: ...

    def stats(self) -> PipelineStats:
        return PipelineStats(0.0, 0.0, formats=())

    async def run(self, hub: StreamHub, duration_s: float) -> None:
        """Publishes for so long."""
        began_s = time.monotonic()
        for number in range(round(duration_s * RATE_HZ)):
            is_keyframe, self._wants_keyframe = self._wants_keyframe, False
            hub.publish(
                AccessUnit(
                    data=self._body if is_keyframe else self._body[:UNIT_BYTES], sequence=self.made,
                    captured_at_ns=time.monotonic_ns(), width_px=1280, height_px=720, box=Box(0, 0, 1280, 720),
                    is_keyframe=is_keyframe, codec="avc1.42c01f",
                )
            )  # fmt: skip
            self.made += 1
            await asyncio.sleep(max(0.0, began_s + (number + 1) / RATE_HZ - time.monotonic()))


class NoSink:
    def handle(self, event: InputEvent) -> None: ...

    def release_all(self) -> None: ...

    def close(self) -> None: ...


async def measure(socket: Path, peers: int, *, has_slow_one: bool) -> None:
    parts = HubParts(
        admit=TicketClaims.model_validate_json, make_sink=lambda _: NoSink(), resize=None, has_sound=False,
        on_peers_changed=lambda _: None,
    )  # fmt: skip
    hub, source = StreamHub(parts), Source()
    hub.attach(source)
    async with unix_serve(lambda connection: hub.serve(WebSocketLink(connection)), str(socket), **SERVER_OPTIONS):
        child = await asyncio.create_subprocess_exec(
            sys.executable, __file__, str(socket), str(peers), str(int(has_slow_one))
        )
        while hub.peers < peers:  # noqa: ASYNC110 - a fact of another process
            await asyncio.sleep(0.05)
        await source.run(hub, SETTLE_S)
        made, keyframes, used_s = source.made, source.keyframes, time.process_time()
        await source.run(hub, WINDOW_S)
        used_ms = 1000 * (time.process_time() - used_s)
        with contextlib.suppress(ProcessLookupError):  # nobody had nothing to wait for
            child.terminate()
        await child.wait()
    units = source.made - made
    slow = ", one slow" if has_slow_one else ""
    print(f"{peers} peers{slow}: {used_ms / units:.3f} ms of CPU a unit, {source.keyframes - keyframes} keyframes")


async def look_on(socket: str, number: int, *, is_slow: bool) -> None:
    now = int(time.time())
    claims = TicketClaims(
        jti=secrets.token_hex(16), sub="ann", sid="a" * 20, iat=now, exp=now + 60,
        role="viewer" if number else "player", rank="guest" if number else "owner",
    )  # fmt: skip
    hello = Hello(
        version=SIGNALING_VERSION, ticket=claims.model_dump_json(), transport="websocket", is_webrtc_able=False
    )
    connection = await unix_connect(socket, subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=None, compression=None)
    await connection.send(hello.model_dump_json())
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = await connection.recv()
            if isinstance(message, bytes) and message[0] == 1:
                frame = int.from_bytes(message[4:8], "little")
                await connection.send(encode(Shown(frame=frame, decode_us=500, draw_us=500)))
            if is_slow:
                await asyncio.sleep(SLOW_S)


async def crowd(socket: str, peers: int, *, has_slow_one: bool) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(peers):
            group.create_task(look_on(socket, number, is_slow=has_slow_one and number == peers - 1))


def main() -> None:
    if len(sys.argv) > 1:
        asyncio.run(crowd(sys.argv[1], int(sys.argv[2]), has_slow_one=sys.argv[3] == "1"))
        return
    with tempfile.TemporaryDirectory() as folder:
        for number, (peers, has_slow_one) in enumerate(CROWDS):
            asyncio.run(measure(Path(folder) / f"{number}.sock", peers, has_slow_one=has_slow_one))


if __name__ == "__main__":
    main()
