"""What the WebSocket transport does with a viewer that is slow, silent, hidden or stuck."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from packages.stream.tests.hub.conftest import OpenHouse, until
from packages.stream.tests.hub.pictures import Decoder, picture_of
from websockets.asyncio.client import unix_connect
from websockets.asyncio.server import ServerConnection, unix_serve

from dillinger_contracts.input import Shown
from dillinger_contracts.media import Box
from dillinger_contracts.session import StreamProfile
from dillinger_contracts.signaling import KeyframeWanted, Pong, ServerStats
from dillinger_stream.frames import AccessUnit, SoundPacket
from dillinger_stream.hub import HubSettings
from dillinger_stream.transport import outlet as outlet_module
from dillinger_stream.transport.congestion import FLOOR_BPS, BitrateCap
from dillinger_stream.transport.flow import MARGIN_MS, UNMEASURED_LIMIT_MS, FlowWindow, PathMeasure, percentile
from dillinger_stream.transport.link import SERVER_OPTIONS, LinkClosed, WebSocketLink
from dillinger_stream.transport.outlet import Outlet
from dillinger_stream.transport.websocket import PROBE_AFTER_NS, WebSocketTransport

MS = 1_000_000


class HandLink:
    """A link whose `send` waits until the test lets it go on, and that has room for more where the test says so."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.sent: list[str | bytes] = []
        self.has_room = False
        self.gate = asyncio.Event()
        self.closed: tuple[int, str] | None = None
        if is_open:
            self.gate.set()

    async def recv(self) -> str | bytes:
        raise LinkClosed("nobody there")

    async def send(self, message: str | bytes) -> None:
        await self.gate.wait()
        self.sent.append(message)

    def send_now(self, message: bytes) -> bool:
        if self.has_room:
            self.sent.append(message)
        return self.has_room

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def backlog_bytes(self) -> int:
        return 0

    @property
    def sequences(self) -> list[int]:
        pictures = [picture_of(message) for message in self.sent if isinstance(message, bytes)]
        return [picture.sequence for picture in pictures if picture is not None]


class Bench:
    """A transport, its outlet and a clock that the test moves."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.now_ns = 1_000 * MS
        self.link = HandLink(is_open=is_open)
        self.outlet = Outlet(self.link)
        self.transport = WebSocketTransport(self.outlet, clock_ns=lambda: self.now_ns)
        self.next = 0

    def push(self, *, keyframe: bool = False, bytes_: int = 100, step_ms: float = 16.0) -> None:
        self.now_ns += int(step_ms * MS)
        unit = AccessUnit(b"\x00" * bytes_, self.next, self.now_ns, 320, 180, Box(0, 0, 8, 8), keyframe, "avc1.42c01f")
        self.next += 1
        self.transport.push(unit)

    async def wants_keyframe(self) -> bool:
        feedback = self.transport.feedback()
        try:
            async with asyncio.timeout(0.05):
                return (await anext(feedback)).keyframe_wanted
        except TimeoutError:
            return False


@pytest.fixture
async def bench() -> Any:
    """A bench whose outlet writes."""
    bench = Bench()
    task = asyncio.create_task(bench.outlet.run())
    yield bench
    bench.outlet.finish(1000, "")
    await task


async def test_waits_for_a_keyframe(bench: Bench) -> None:
    bench.push()
    bench.push(keyframe=True)
    bench.push()
    await until(lambda: bench.link.sequences == [1, 2], "both units")


async def test_never_goes_back(bench: Bench) -> None:
    bench.push(keyframe=True)
    bench.next = 0
    bench.push(keyframe=True)
    bench.push()
    await until(lambda: bench.link.sequences == [0, 1], "each once, in order")


async def test_a_silent_viewer_is_dropped_to_a_keyframe_when_it_has_caught_up(bench: Bench) -> None:
    bench.push(keyframe=True)
    for _ in range(10):
        bench.push()
        await until(lambda: bench.link.sequences[-1:] == [bench.next - 1], "the unit")
        bench.transport.shown(bench.next - 1, browser_us=0)
    late_from = bench.next
    for _ in range(30):  # 480 ms without a sign
        bench.push()
        await asyncio.sleep(0)
    await until(lambda: not bench.outlet.waiting_bytes(), "all that is let through")
    last = bench.link.sequences[-1]
    assert (last - late_from + 1) * 16 <= MARGIN_MS + 48
    assert bench.transport.dropped_frames == bench.next - 1 - last
    bench.push(keyframe=True)  # somebody else's keyframe would only make it later
    assert bench.link.sequences[-1] == last
    assert not await bench.wants_keyframe()
    bench.transport.shown(last - 1, browser_us=0)
    assert not await bench.wants_keyframe()
    bench.transport.shown(last, browser_us=0)
    assert await bench.wants_keyframe()
    bench.push()
    bench.push(keyframe=True)
    await until(lambda: bench.link.sequences[-2:] == [last, bench.next - 1], "the keyframe alone")


async def test_a_hidden_viewer_is_probed_ever_less_often(bench: Bench) -> None:
    bench.push(keyframe=True)
    await until(lambda: bool(bench.link.sequences), "the keyframe")
    bench.push(step_ms=UNMEASURED_LIMIT_MS + 1)
    probes = []
    for tick in range(40):
        bench.now_ns += PROBE_AFTER_NS
        bench.transport.tick()
        if await bench.wants_keyframe():
            probes.append(tick)
            bench.push(keyframe=True)
            await asyncio.sleep(0)  # it leaves
            bench.push(step_ms=UNMEASURED_LIMIT_MS + 1)
    assert 3 <= len(probes) <= 8
    assert probes[1] - probes[0] < probes[-1] - probes[-2]


async def test_made_up_acknowledgements_change_nothing(bench: Bench) -> None:
    bench.push(keyframe=True)
    for number in (5, 2**32 - 1, 0, 0):
        bench.transport.shown(number, browser_us=65_535)
    assert bench.transport.measure().samples == 1


async def test_sound_goes_first_and_old_sound_goes_away() -> None:
    bench = Bench(is_open=False)
    bench.push(keyframe=True)
    task = asyncio.create_task(bench.outlet.run())
    await asyncio.sleep(0)
    bench.push()
    for number in range(40):
        bench.transport.push_sound(SoundPacket(bytes([number]), number, 0, 20.0))
    bench.link.gate.set()
    await until(lambda: len(bench.link.sent) == 2 + outlet_module.MAX_SOUNDS, "everything")
    kinds = [message[0] for message in bench.link.sent if isinstance(message, bytes)]
    assert kinds == [1] + [2] * outlet_module.MAX_SOUNDS + [1]
    assert [message[-1] for message in bench.link.sent[1:-1]] == list(range(30, 40))
    bench.outlet.finish(1000, "")
    await task


async def test_media_leaves_at_once_where_there_is_room(bench: Bench) -> None:
    await asyncio.sleep(0)  # the outlet runs
    bench.link.has_room = True
    bench.push(keyframe=True)
    bench.transport.push_sound(SoundPacket(b"", 0, 0, 20.0))
    bench.push()
    assert bench.link.sequences == [0, 1]
    assert len(bench.link.sent) == 3
    assert not bench.outlet.waiting_bytes()


async def test_nothing_overtakes_what_waits() -> None:
    bench = Bench(is_open=False)
    task = asyncio.create_task(bench.outlet.run())
    bench.push(keyframe=True)
    bench.link.has_room = True
    bench.push()
    bench.outlet.say(Pong(time_ms=1))
    bench.push()
    assert not bench.link.sent, "the outlet does not run yet, and then the first is still waiting"
    bench.link.gate.set()
    await until(lambda: bench.link.sequences == [0, 1, 2], "all units in order")
    assert isinstance(bench.link.sent[0], str)
    bench.outlet.say(Pong(time_ms=2))
    bench.push()
    await until(lambda: bench.link.sequences == [0, 1, 2, 3], "the last")
    assert isinstance(bench.link.sent[-2], str), "signaling goes first"
    bench.outlet.finish(1000, "")
    await task


async def test_a_link_tells_whether_a_message_fits(tmp_path: Path) -> None:
    served: asyncio.Future[WebSocketLink] = asyncio.get_running_loop().create_future()
    gone = asyncio.Event()

    async def serve(connection: ServerConnection) -> None:
        served.set_result(WebSocketLink(connection))
        await gone.wait()

    path = str(tmp_path / "socket")
    async with (
        unix_serve(serve, path, **SERVER_OPTIONS),
        unix_connect(path, subprotocols=SERVER_OPTIONS["subprotocols"], max_size=None, compression=None) as browser,
    ):
        link = await served
        assert link.send_now(b"first")
        assert await browser.recv() == b"first"
        sent = 0
        while link.send_now(bytes(1_000_000)):  # nobody reads: the kernel takes some of it, our buffer one
            sent += 1
            await asyncio.sleep(0)
        assert link.backlog_bytes()
        for _ in range(sent):
            assert await browser.recv() == bytes(1_000_000)
        await browser.close()
        assert not link.send_now(b"last")
        gone.set()


async def test_memory_of_a_stuck_link_is_bounded() -> None:
    bench = Bench(is_open=False)
    task = asyncio.create_task(bench.outlet.run())
    for _ in range(600):
        bench.push(keyframe=True, bytes_=1_000_000, step_ms=1)
        bench.push(bytes_=1_000_000, step_ms=1)
        await asyncio.sleep(0)
        assert bench.outlet.waiting_bytes() <= outlet_module.MAX_PICTURE_BYTES
    for _ in range(600):
        bench.push(bytes_=1_000_000, step_ms=1)
        assert bench.outlet.waiting_bytes() <= outlet_module.MAX_PICTURE_BYTES
    assert bench.transport.dropped_frames > 0
    task.cancel()


def test_window_measures_without_the_browsers_own_work() -> None:
    window = FlowWindow()
    for number in range(20):
        window.sent(number, captured_at_ns=number * 16 * MS - 5 * MS, now_ns=number * 16 * MS)
        window.shown(number, browser_us=3_000, now_ns=number * 16 * MS + (10 + number) * MS)
    measure = window.measure()
    assert (measure.samples, measure.backlog_frames) == (20, 0)
    assert measure.rtt_ms_p50 == pytest.approx(17)
    assert measure.rtt_ms_p95 == pytest.approx(26)
    assert measure.latency_ms_p50 == pytest.approx(25)
    assert window.limit_ms() == pytest.approx(2 * 10 + MARGIN_MS)
    assert window.measure().samples == 0


def test_the_cap_falls_with_drops_and_rises_when_they_end() -> None:
    cap = BitrateCap()
    late = PathMeasure(samples=20, dropped=8)
    calm = PathMeasure(samples=60)
    for second in range(3):
        cap.step(second, late, wish_bps=12_000_000)
    assert cap.bps is not None
    assert 3_000_000 < cap.bps < 4_000_000
    low_bps = cap.bps
    cap.step(4, calm, wish_bps=12_000_000)
    assert cap.bps == low_bps, "not at once"
    for second in range(6, 16):
        cap.step(second, calm, wish_bps=12_000_000)
    assert cap.bps is None, "the wish is reached again"
    for second in range(20, 60):
        cap.step(second, PathMeasure(samples=60, loss_ratio=0.3), wish_bps=12_000_000)
    assert cap.bps == FLOOR_BPS
    hidden = BitrateCap()
    hidden.step(1, PathMeasure(samples=0, dropped=60), wish_bps=12_000_000)
    assert hidden.bps is None


def test_percentile_of_nothing_is_unknown() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0


async def test_a_viewer_that_stops_reading_recovers_with_a_keyframe(open_house: OpenHouse) -> None:
    house = await open_house(width_px=640, height_px=360, noise=True)  # about 100 kB a picture: no buffer swallows it
    viewer, other = await house.visit(), await house.visit("viewer")
    await until(lambda: len(viewer.pictures) > 10, "pictures")
    viewer.is_reading.clear()
    seen_by_other = len(other.pictures)
    await until(lambda: house.dropped(viewer) > 20, "drops")
    await until(lambda: len(other.pictures) > seen_by_other + 60, "the other's pictures")
    assert house.waiting_bytes(viewer) <= outlet_module.MAX_PICTURE_BYTES + 4 * 1024 * 1024
    before = len(viewer.pictures)
    viewer.is_reading.set()
    await until(lambda: any(p.is_keyframe for p in viewer.pictures[before:]), "a keyframe")
    gap = next(i for i, p in enumerate(viewer.pictures) if i and p.sequence != viewer.pictures[i - 1].sequence + 1)
    assert viewer.pictures[gap].is_keyframe, "a decoder never sees a unit whose predecessor it lacks"
    decoder = Decoder()
    shown = [frame for picture in viewer.pictures for frame in decoder.decode(picture.data)]
    assert len(shown) >= len(viewer.pictures) - 1
    await until(lambda: any(told.dropped_frames > 20 for told in viewer.of(ServerStats)), "the count in the stats")
    await until(lambda: (house.source.quality[0] or 0) < StreamProfile().bitrate_bps, "a thinner stream")


async def test_a_decoder_that_lost_its_way_gets_a_keyframe(open_house: OpenHouse) -> None:
    house = await open_house(settings=HubSettings(keyframe_spacing_s=0.05))
    viewer = await house.visit()
    await until(lambda: len(viewer.pictures) > 5, "pictures")
    viewer.pictures.clear()
    await viewer.say(KeyframeWanted())
    await until(lambda: any(p.is_keyframe for p in viewer.pictures), "a keyframe")
    assert not viewer.of(Pong)
    await viewer.do(Shown(frame=4_000_000_000, decode_us=1, draw_us=1))
    count = len(viewer.pictures)
    await until(lambda: len(viewer.pictures) > count + 10, "more pictures")
