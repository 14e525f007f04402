"""Peers that mean no good: garbage in any order, floods, and many connections. The others must not notice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packages.stream.tests.hub.conftest import OpenHouse, RecordingSink, hello, ticket, until
from packages.stream.tests.hub.pictures import X264Source
from tests.cases import fuzz
from websockets.exceptions import ConnectionClosed

from dillinger_contracts.errors import Denied
from dillinger_contracts.floor import FloorWish
from dillinger_contracts.input import HEADER_BYTES, Key, Move, encode
from dillinger_contracts.session import StreamProfile
from dillinger_contracts.signaling import SIGNALING_VERSION, FromSeat, Notice, Ping, Pong
from dillinger_contracts.tickets import TicketClaims
from dillinger_stream import peer as peer_module
from dillinger_stream.hub import HubParts, HubSettings, StreamHub
from dillinger_stream.transport.bucket import TokenBucket
from dillinger_stream.transport.link import LinkClosed

KNOWN_CLOSE_CODES = {1000, 4403, 4409, 4422, 4429}


class ScriptLink:
    """A link on which a script is played; afterwards the other side is gone."""

    def __init__(self, script: list[str | bytes]) -> None:
        self.script = list(script)
        self.sent: list[str | bytes] = []
        self.closed: int | None = None

    async def recv(self) -> str | bytes:
        await asyncio.sleep(0)
        if self.closed is not None or not self.script:
            raise LinkClosed("gone")
        return self.script.pop(0)

    async def send(self, message: str | bytes) -> None:
        if self.closed is not None:
            raise LinkClosed("gone")
        self.sent.append(message)

    def send_now(self, message: bytes) -> bool:
        return False

    async def close(self, code: int, reason: str) -> None:
        self.closed = code if self.closed is None else self.closed

    def backlog_bytes(self) -> int:
        return 0


def _hello(**fields: Any) -> str:
    return json.dumps({"type": "hello", "version": SIGNALING_VERSION, "ticket": ticket()} | fields)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_types = st.sampled_from(
    [
        "resize",
        "profile",
        "set_transport",
        "keyframe",
        "description",
        "candidate",
        "ping",
        "client_stats",
        "floor",
        "bye",
        "hello",
    ]
)
_half_right = st.builds(
    lambda kind, rest: json.dumps({**rest, "type": kind}),
    _types,
    st.fixed_dictionaries(
        {},
        optional={
            "width_px": st.integers(), "height_px": st.integers(100, 400), "time_ms": st.floats(),
            "kind": st.just("answer"), "sdp": st.text(max_size=50), "candidate": st.text(max_size=50),
            "transport": st.sampled_from(["auto", "webrtc", 3]), "peer_id": st.integers(-1, 3),
            "act": st.sampled_from(["take", "ask", "give", "release", "join_pads", "decline", "steal"]),
            "profile": st.builds(lambda b: {"bitrate_bps": b}, st.integers(0, 10**9)), "rtt_ms": st.floats(),
        },
    ),
)  # fmt: skip
_input = st.builds(
    lambda op, rest: bytes([op]) + rest,
    st.integers(0, 9),
    st.binary(min_size=HEADER_BYTES - 1, max_size=HEADER_BYTES + 9) | st.just(bytes(12)),
)
_message = st.one_of(
    _half_right, _json.map(json.dumps), st.text(max_size=60), _input, st.binary(max_size=100),
    st.just(_hello()), st.just('{"type":"ping","time_ms":1}'), st.just('{"type":"keyframe"}'),
)  # fmt: skip


@fuzz(150)
@given(says_hello=st.booleans(), script=st.lists(_message, max_size=25))
def test_no_sequence_of_garbage_does_harm(says_hello: bool, script: list[str | bytes]) -> None:
    """Whatever comes, in whatever order: the conversation ends, keys are let go, no task stays, nothing is raised."""
    asyncio.run(_play([_hello(), *script] if says_hello else script))


async def _play(script: list[str | bytes]) -> None:
    sinks: list[RecordingSink] = []

    def admit(text: str) -> TicketClaims:
        try:
            return TicketClaims.model_validate_json(text)
        except ValueError as error:
            raise Denied("This is no ticket") from error

    def make_sink(_: Callable[[FromSeat], None]) -> RecordingSink:
        sinks.append(RecordingSink())
        return sinks[-1]

    peers: list[int] = []
    hub = StreamHub(
        HubParts(admit=admit, make_sink=make_sink, resize=None, has_sound=True, on_peers_changed=peers.append)
    )
    source = X264Source(width_px=160, height_px=120)
    hub.attach(source)
    link = ScriptLink(script)
    async with asyncio.timeout(60):
        await hub.serve(link)
    assert link.closed in KNOWN_CLOSE_CODES
    assert hub.peers == 0
    assert source.is_paused
    assert all(sink.releases >= 1 for sink in sinks)
    assert peers in ([], [1, 0])
    for message in link.sent:
        assert isinstance(message, bytes) or len(message) < 4096 or '"offer"' in message
    await asyncio.sleep(0)
    strays = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(("peer", "webrtc", "hub"))]
    assert strays == []


async def test_a_flood_waits_in_the_flooders_own_socket(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "INPUT_RATE_HZ", 200.0)
    monkeypatch.setattr(peer_module, "INPUT_BURST", 100.0)
    house = await open_house()
    flooder, other = await house.visit(), await house.visit(rank="owner")

    async def flood() -> None:
        with suppress(ConnectionClosed):
            while True:
                await flooder.connection.send(encode(Move(x=1, y=1)))

    started_s = asyncio.get_running_loop().time()
    house.start(flood())
    count = len(other.pictures)
    await until(lambda: len(other.pictures) > count + 60, "the other's pictures")
    took_s = asyncio.get_running_loop().time() - started_s
    assert len(house.sinks[0].events) <= 100 + 200 * took_s + 1
    await other.say(FloorWish(act="take"))
    await other.do(Key(code=30, is_down=True))
    await until(lambda: house.sinks[-1].events == [Key(code=30, is_down=True)], "the other's key")
    told = len(house.sinks[0].events)
    count = len(other.pictures)
    await until(lambda: len(other.pictures) > count + 10, "more pictures")
    assert len(house.sinks[0].events) == told, "who lost the floor plays on"
    flooder.connection.transport.abort()


async def test_a_flood_of_text_is_read_slowly(open_house: OpenHouse) -> None:
    house = await open_house()
    flooder = await house.visit()
    started_s = asyncio.get_running_loop().time()
    for number in range(400):
        await flooder.say(Ping(time_ms=number))
    await until(lambda: len(flooder.of(Pong)) >= peer_module.SIGNAL_BURST, "the burst")
    took_s = asyncio.get_running_loop().time() - started_s
    assert len(flooder.of(Pong)) <= peer_module.SIGNAL_BURST + peer_module.SIGNAL_RATE_HZ * took_s + 1
    await until(lambda: len(flooder.of(Pong)) == 400, "the rest, nothing is lost")
    assert [pong.time_ms for pong in flooder.of(Pong)] == list(range(400))


async def test_connections_without_a_hello_are_limited(open_house: OpenHouse) -> None:
    house = await open_house(settings=HubSettings(max_peers=2, hello_deadline_s=600))
    silent = [await house.dial() for _ in range(4)]
    fifth = await house.dial()
    assert await fifth.closed() == 4429
    await silent[0].say(hello(ticket()))
    await until(lambda: silent[0].transport is not None, "the welcome")


async def test_a_message_of_a_megabyte_closes(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit()
    viewer.is_showing = False  # nothing of its own is under way when the connection goes
    await viewer.connection.send("x" * 1_000_000)
    assert await viewer.closed() == 1009
    await until(lambda: house.hub.peers == 0, "the peer's end")


async def test_a_browser_that_reads_no_messages_is_closed(open_house: OpenHouse) -> None:
    house = await open_house(settings=HubSettings(stats_interval_s=0.001))
    viewer = await house.visit(profile=StreamProfile())
    viewer.is_reading.clear()
    await until(lambda: house.hub.peers == 0, "the peer's end", timeout_s=60)
    assert house.sinks[0].releases == 1


async def test_a_sink_that_fails_is_told_once(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from dillinger_contracts.errors import Unavailable

    house = await open_house()
    viewer = await house.visit()

    def fail(event: object) -> None:
        raise Unavailable("The display is gone")

    monkeypatch.setattr(house.sinks[0], "handle", fail)
    for _ in range(20):
        await viewer.do(Key(code=30, is_down=True))
    await viewer.say(Ping(time_ms=1))
    await until(lambda: bool(viewer.of(Pong)), "the pong")
    assert [(notice.code, notice.message) for notice in viewer.of(Notice)] == [
        ("input_unavailable", "The display is gone")
    ]


def test_bucket() -> None:
    bucket = TokenBucket(rate_hz=10, burst=2)
    waits_s = [bucket.take(0) for _ in range(20)]
    assert waits_s == [0, 0] + [pytest.approx(0.1)] * 18, "who asked too often waits for one turn, not for all of them"
    assert not bucket.try_take(0.15)
    assert bucket.try_take(0.25)
    assert bucket.take(1000) == 0
