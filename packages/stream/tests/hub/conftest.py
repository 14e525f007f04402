"""The hub's surroundings in small: a WebSocket on a unix socket, and viewers that come by it; all real."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from packages.stream.tests.hub.pictures import Picture, X264Source, picture_of
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.asyncio.server import unix_serve
from websockets.exceptions import ConnectionClosed

from dillinger_contracts.errors import Denied
from dillinger_contracts.floor import People, Rank
from dillinger_contracts.game import Size
from dillinger_contracts.input import InputEvent, Shown, encode
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.model import Model
from dillinger_contracts.session import SessionEnd
from dillinger_contracts.signaling import (
    SIGNALING_VERSION,
    SUBPROTOCOL,
    FromBrowser,
    FromSeat,
    Hello,
    TransportChosen,
    Welcome,
    parse_from_seat,
)
from dillinger_contracts.tickets import TicketClaims, TicketGate
from dillinger_stream.hub import HubParts, HubSettings, StreamHub
from dillinger_stream.peer import Peer
from dillinger_stream.transport.link import SERVER_OPTIONS, WebSocketLink

CLIENT_OPTIONS: dict[str, Any] = {
    "subprotocols": [SUBPROTOCOL], "max_size": None, "compression": None, "close_timeout": 1,
}  # fmt: skip
SESSION_ID = "a" * 20
FACT_TIMEOUT_S = 30.0


async def until(fact: Callable[[], bool], what: str = "the fact", *, timeout_s: float = FACT_TIMEOUT_S) -> None:
    """Waits for `fact`; fails with its name."""
    try:
        async with asyncio.timeout(timeout_s):
            while not fact():  # noqa: ASYNC110 - facts of several objects, no single event to wait for
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"Waited {timeout_s} s in vain for {what}")


@dataclass
class RecordingSink:
    """An input sink that notes what it is told."""

    events: list[InputEvent] = field(default_factory=list)
    releases: int = 0
    made_after: int = 0
    """How many releases there had been in its house."""

    def handle(self, event: InputEvent) -> None:
        self.events.append(event)

    def release_all(self) -> None:
        self.releases += 1

    def close(self) -> None:
        self.release_all()


class Viewer:
    """A browser in small, over a real connection. Acknowledges what it gets while `is_showing`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.signals: list[Any] = []
        self.pictures: list[Picture] = []
        self.order: list[str] = []
        self.sounds: list[bytes] = []
        self.is_showing = True
        self.is_reading = asyncio.Event()
        self.is_reading.set()
        self.close_code: int | None = None
        self.close_reason = ""

    async def say(self, message: FromBrowser | dict[str, Any] | str) -> None:
        if isinstance(message, Model):
            await self.connection.send(message.model_dump_json())
        else:
            await self.connection.send(message if isinstance(message, str) else json.dumps(message))

    async def do(self, event: InputEvent | bytes) -> None:
        await self.connection.send(event if isinstance(event, bytes) else encode(event))

    async def listen(self) -> None:
        """Reads until the connection ends."""
        try:
            while True:
                await self.is_reading.wait()
                await self._take(await self.connection.recv())
        except ConnectionClosed:
            pass
        self.close_code = self.connection.close_code
        self.close_reason = self.connection.close_reason or ""

    async def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            signal = parse_from_seat(message)
            self.signals.append(signal)
            self.order.append(signal.type)
            return
        picture = picture_of(message)
        if picture is None:
            self.sounds.append(message)
            self.order.append("sound")
            return
        self.pictures.append(picture)
        self.order.append("keyframe" if picture.is_keyframe else "delta")
        if self.is_showing:
            await self.do(Shown(frame=picture.sequence, decode_us=500, draw_us=500))

    async def closed(self) -> int | None:
        """Waits for the end; returns its code."""
        await until(lambda: self.close_code is not None, "the close")
        return self.close_code

    def of(self, kind: type[Any]) -> list[Any]:
        """The signals of one kind, in order."""
        return [signal for signal in self.signals if isinstance(signal, kind)]

    @property
    def peer_id(self) -> int:
        """What the seat calls it."""
        welcome: Welcome = self.of(Welcome)[0]
        return welcome.peer_id

    @property
    def plays(self) -> bool:
        """Whether it was told last that it plays."""
        people = self.of(People)
        return bool(people) and people[-1].player == self.peer_id

    @property
    def transport(self) -> str | None:
        chosen = self.of(TransportChosen)
        return chosen[-1].transport if chosen else None


class House:
    """A hub, its source and the socket that viewers come in by."""

    def __init__(self, hub: StreamHub, source: X264Source, path: Path) -> None:
        self.hub = hub
        self.source = source
        self.path = path
        self.tasks: list[asyncio.Task[None]] = []
        self.sinks: list[RecordingSink] = []
        self.sizes: list[tuple[int, int]] = []
        self.peers_seen: list[int] = []
        self.viewers: list[Viewer] = []

    async def dial(self) -> Viewer:
        """A connection that has said nothing yet, and is read from."""
        viewer = Viewer(await unix_connect(str(self.path), **CLIENT_OPTIONS))
        self.viewers.append(viewer)
        self.start(viewer.listen())
        return viewer

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` until the house is closed."""
        self.tasks.append(asyncio.create_task(work))

    async def close(self) -> None:
        """Ends what runs; its failures are the test's."""
        await self.hub.end(SessionEnd(reason=EndReason.USER_STOP, ended_at=datetime.now(UTC)))
        for viewer in self.viewers:
            if viewer.close_code is None:
                viewer.connection.transport.abort()
        for task in self.tasks:
            task.cancel()
        for result in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def dropped(self, viewer: Viewer) -> int:
        """How many units the hub dropped for `viewer`."""
        carrier = self._peer(viewer)._carrier
        return carrier.dropped_frames if carrier is not None else 0

    def waiting_bytes(self, viewer: Viewer) -> int:
        """Media that waits in this process for `viewer`."""
        return self._peer(viewer)._outlet.waiting_bytes()

    def _peer(self, viewer: Viewer) -> Peer:
        return self.hub._peers[viewer.of(Welcome)[0].peer_id]

    async def visit(
        self, role: Literal["player", "viewer"] = "player", *, rank: Rank = "guest", user: str = "ann", **wishes: Any
    ) -> Viewer:
        """A viewer that was let in."""
        viewer = await self.dial()
        await viewer.say(hello(ticket(role, rank=rank, sub=user), **wishes))
        await until(lambda: viewer.transport is not None, "the welcome")
        return viewer


def ticket(role: str = "player", **claims: Any) -> str:
    """A ticket's claims as plain JSON: signatures are the seat's business."""
    now = int(time.time())
    whole = {"jti": secrets.token_hex(16), "sub": "ann", "sid": SESSION_ID, "role": role, "iat": now, "exp": now + 60}
    return json.dumps(whole | claims)


def hello(text: str, **wishes: Any) -> Hello:
    """The first message."""
    return Hello(version=SIGNALING_VERSION, ticket=text, **wishes)


OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture
async def open_house() -> AsyncIterator[OpenHouse]:
    """Makes houses; ends them with the test."""
    async with AsyncExitStack() as stack:
        # Not pytest's own folder: sockets want short paths.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dh-")))

        async def make(
            *, settings: HubSettings | None = None, is_resizable: bool = True, has_sound: bool = False, **source: Any
        ) -> House:
            gate = TicketGate(SESSION_ID)

            def admit(text: str) -> TicketClaims:
                try:
                    claims = TicketClaims.model_validate_json(text)
                except ValueError as error:
                    raise Denied("This is no ticket") from error
                return gate.admit(claims, now_s=time.time())

            def make_sink(_: Callable[[FromSeat], None]) -> RecordingSink:
                house.sinks.append(RecordingSink(made_after=sum(sink.releases for sink in house.sinks)))
                return house.sinks[-1]

            async def resize(width_px: int, height_px: int) -> Size:
                house.sizes.append((width_px, height_px))
                house.source.resize(width_px, height_px)
                return Size(width_px=width_px, height_px=height_px)

            hub = StreamHub(
                HubParts(
                    admit=admit, make_sink=make_sink, resize=resize if is_resizable else None, has_sound=has_sound,
                    on_peers_changed=lambda peers: house.peers_seen.append(peers),
                ),
                settings,
            )  # fmt: skip
            house = House(hub, X264Source(**source), folder / "stream.sock")
            hub.attach(house.source)
            server = unix_serve(lambda c: hub.serve(WebSocketLink(c)), str(house.path), **SERVER_OPTIONS)
            await stack.enter_async_context(server)
            stack.push_async_callback(house.close)
            house.start(house.source.run(hub.publish))
            return house

        yield make
