"""What is told of a picture's way to one viewer: where its time went, as far as somebody measured it."""

from __future__ import annotations

import asyncio

import pytest
from packages.stream.tests.hub.conftest import until
from packages.stream.tests.hub.test_transport_websocket import MS, Bench

from dillinger_contracts.media import Box
from dillinger_stream.frames import AccessUnit
from dillinger_stream.telemetry import MOST_PICTURES
from dillinger_stream.transport.trail import Trail


def unit(sequence: int, *, encoded_ns: int) -> AccessUnit:
    box = Box(0, 0, 8, 8)
    return AccessUnit(b"\0", sequence, encoded_ns, 320, 180, box, True, "avc1.42c01f", encoded_at_ns=encoded_ns)


def went(trail: Trail, sequence: int = 0, *, at_ns: int = 1_000 * MS, paint_us: int = 500) -> None:
    """A picture that waits 1 ms, is packed in 0.5, sent in 2, and 20 ms later known to be shown, after 4 ms of work."""
    trail.packed(unit(sequence, encoded_ns=at_ns), taken_ns=at_ns + MS, now_ns=at_ns + MS + MS // 2)
    trail.sent(sequence, at_ns + 3 * MS + MS // 2)
    trail.shown(sequence, at_ns + 23 * MS + MS // 2, decode_us=4000 - paint_us, paint_us=paint_us)


def medians(trail: Trail, now_ns: int = 1_100 * MS) -> dict[str, float]:
    return {stage: sorted(values)[len(values) // 2] for stage, values in trail.stages(now_ns).items() if values}


def test_each_stage_of_a_way_is_told() -> None:
    trail = Trail()
    trail.path(round_trip_ms=10.0, relay_ms=0.5)
    went(trail)
    assert medians(trail) == pytest.approx(
        {
            "queue": 1,
            "packetise": 0.5,
            "send": 2,
            "relay": 0.5,
            "network": 5,
            "delivery": 2.5,
            "decode": 3.5,
            "paint": 0.5,
        }
    )  # half of the 16 ms there and back is the way there


def test_where_the_network_tells_nothing_all_of_the_way_is_its() -> None:
    trail = Trail()
    went(trail, paint_us=0)
    assert medians(trail) == pytest.approx({"queue": 1, "packetise": 0.5, "send": 2, "network": 8, "decode": 4})


def test_a_network_is_no_longer_than_the_viewers_own_way() -> None:
    trail = Trail()
    trail.path(round_trip_ms=80.0)  # a kernel that acknowledges late
    went(trail)
    told = medians(trail)
    assert (told["network"], told["delivery"]) == (8, 0)


def test_another_transport_knows_nothing_of_the_network_of_the_one_before() -> None:
    trail = Trail()
    trail.path(round_trip_ms=10.0, relay_ms=0.5)
    trail.path_changed()
    went(trail)
    told = medians(trail)
    assert "relay" not in told and "delivery" not in told
    assert told["network"] == 8


def test_what_is_long_ago_or_made_up_is_not_told() -> None:
    trail = Trail()
    went(trail)
    trail.sent(99, 0)
    trail.shown(99, 0, decode_us=1, paint_us=1)
    assert not any(trail.stages(3_000 * MS).values())
    trail.shown(0, 1_090 * MS, decode_us=60_000, paint_us=0)  # said twice
    assert medians(trail)["decode"] == 3.5


def test_a_trail_has_an_end_and_outlives_a_pipeline() -> None:
    trail = Trail()
    for number in range(MOST_PICTURES + 50):
        went(trail, number, at_ns=1_000 * MS + number)
    assert len(trail.steps()) == MOST_PICTURES
    for number in range(0, 2000, 10):  # its successor counts from 0 again, and this viewer gets every tenth
        trail.packed(unit(number, encoded_ns=2_000 * MS), taken_ns=2_000 * MS, now_ns=2_000 * MS)
    assert len(trail.steps()) == MOST_PICTURES
    trail.sent(60, 2_001 * MS)
    assert [step.sequence for step in trail.steps() if step.sent_ns == 2_001 * MS] == [60]


async def test_the_websocket_tells_of_its_pictures() -> None:
    bench = Bench(is_open=False)
    trail = bench.transport._trail
    bench.push(keyframe=True)
    writer = asyncio.create_task(bench.outlet.run())
    for _ in range(5):
        await asyncio.sleep(0)
    bench.now_ns += 7 * MS
    bench.link.gate.set()  # until now the link had no room
    await until(lambda: trail.steps()[0].sent_ns > 0, "the picture's last byte sent")
    bench.now_ns += 10 * MS
    bench.transport.shown(0, browser_us=4000, paint_us=1000)
    assert medians(trail, bench.now_ns) == pytest.approx(
        {"packetise": 0, "send": 7, "network": 3, "decode": 3, "paint": 1}
    )
    bench.outlet.finish(1000, "")
    await writer
