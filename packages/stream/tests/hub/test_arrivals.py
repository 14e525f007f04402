"""Transport-wide feedback: read, and made into the state of a path. The encoder of the tests is written anew."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cases import fuzz

from dillinger_stream.transport.arrivals import MAX_TOLD, Arrival, ArrivalGauge, feedbacks, read_feedback
from dillinger_stream.transport.pacer import BURST_S, Pacer


def feedback(first: int, times: list[int | None], *, reference: int = 5) -> bytes:
    """One packet with a two-bit vector; `times` are ticks of 250 us since the packet before."""
    symbols = [0 if ticks is None else 1 if 0 <= ticks < 256 else 2 for ticks in times]
    body = struct.pack("!HH", first & 0xFFFF, len(times)) + (reference & 0xFFFFFF).to_bytes(3, "big") + b"\0"
    for start in range(0, len(symbols), 7):
        seven = (symbols[start : start + 7] + [0] * 7)[:7]
        chunk = 0xC000
        for place, symbol in enumerate(seven):
            chunk |= symbol << (12 - 2 * place)
        body += struct.pack("!H", chunk)
    for symbol, ticks in zip(symbols, times, strict=True):
        if symbol:
            assert ticks is not None
            body += ticks.to_bytes(symbol, "big", signed=symbol == 2)
    body += bytes(-len(body) % 4)
    return struct.pack("!BBHII", 0x8F, 205, (8 + len(body)) // 4, 1, 2) + body


def test_a_packet_as_it_is_on_the_wire() -> None:
    run_then_bits = struct.pack("!H", 1 << 13 | 3) + struct.pack("!H", 0x8000 | 0b10100000000000)
    body = struct.pack("!HH", 99, 6) + b"\0\0\x0a\x01" + run_then_bits + bytes([4, 8, 12, 16, 20])
    packet = struct.pack("!BBHII", 0x8F, 205, 6, 1, 2) + body + b"\0\0\0"
    arrivals = read_feedback(packet)
    assert [arrival.sequence for arrival in arrivals] == [99, 100, 101, 102, 103, 104]
    assert [arrival.at_s for arrival in arrivals] == pytest.approx([0.641, 0.643, 0.646, 0.65, None, 0.655])


@given(
    first=st.integers(0, 65_535),
    times=st.lists(st.none() | st.integers(-32_768, 32_767), min_size=1, max_size=100),
    reference=st.integers(-(1 << 23), (1 << 23) - 1),
)
def test_what_was_written_is_read(first: int, times: list[int | None], reference: int) -> None:
    arrivals = read_feedback(feedback(first, times, reference=reference))
    at_ticks = reference * 256
    for place, (arrival, ticks) in enumerate(zip(arrivals, times, strict=True)):
        assert arrival.sequence == (first + place) & 0xFFFF
        if ticks is None:
            assert arrival.at_s is None
        else:
            at_ticks += ticks
            assert arrival.at_s == pytest.approx(at_ticks / 4000, abs=1e-6)


@fuzz(500)
@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_a_value_error_or_nothing(noise: bytes, is_headed: bool) -> None:
    rtcp = struct.pack("!BBHII", 0x8F, 205, (8 + len(noise)) // 4, 1, 2) + noise if is_headed else noise
    gauge = ArrivalGauge()
    for number in range(300):
        gauge.sent(gauge.number(), 1200, number / 1000)
    try:
        for packet in feedbacks(rtcp):
            arrivals = read_feedback(packet)
            assert len(arrivals) <= MAX_TOLD
            gauge.take(arrivals, 1.0)
    except ValueError:
        pass


def test_other_rtcp_in_the_same_datagram_is_skipped() -> None:
    report = struct.pack("!BBHI", 0x80, 201, 1, 7)
    one = feedback(1, [4])
    assert list(feedbacks(report + one + report + one)) == [one, one]


def _drive(gauge: ArrivalGauge, count: int, *, at_s: float, delay_s: float, lost: int = 0) -> list[Arrival]:
    """Packets of 1000 bytes, one a ms."""
    arrivals = []
    for place in range(count):
        number = gauge.number()
        gauge.sent(number, 1000, at_s + place / 1000)
        arrivals.append(Arrival(number, None if place < lost else at_s + place / 1000 + delay_s + 1000))
    return arrivals


def test_a_queue_is_what_the_delay_grows_by() -> None:
    gauge = ArrivalGauge()
    for number in range(20):
        state = gauge.take(_drive(gauge, 100, at_s=number / 10, delay_s=0.025), number / 10 + 0.15)
        assert state is not None
    assert state is not None
    assert state.queue_ms == pytest.approx(0, abs=0.01)
    assert state.carried_bps == pytest.approx(8e6, rel=0.05)
    assert state.loss_ratio == 0
    state = gauge.take(_drive(gauge, 100, at_s=2.0, delay_s=0.095, lost=20), 2.2)
    assert state is not None
    assert state.queue_ms == pytest.approx(70, abs=0.01)
    assert 0 < state.loss_ratio < 0.2


def test_a_queue_that_begins_within_a_feedback_is_told_by_it() -> None:
    gauge = ArrivalGauge()
    gauge.take(_drive(gauge, 100, at_s=0.0, delay_s=0.025), 0.15)
    arrivals = _drive(gauge, 20, at_s=0.1, delay_s=0.025)
    for place in range(8):  # from here on one comes each 10 ms, not each ms
        number = gauge.number()
        gauge.sent(number, 1000, 0.12 + place / 1000)
        arrivals.append(Arrival(number, 1000.145 + (1 + place) / 100))
    state = gauge.take(arrivals, 0.25)
    assert state is not None
    assert state.queue_ms > 10


def test_packets_that_were_never_sent_change_nothing() -> None:
    gauge = ArrivalGauge()
    assert gauge.take([Arrival(5, 1.0), Arrival(6, None)], 1.0) is None
    arrivals = _drive(gauge, 10, at_s=0.0, delay_s=0.02)
    assert gauge.take(arrivals, 0.1) is not None
    assert gauge.take(arrivals, 0.2) is None, "told twice"


@given(st.lists(st.integers(1, 1500), min_size=1, max_size=200), st.floats(1e5, 1e8))
def test_a_burst_is_spread_to_the_pace_and_a_rested_path_sends_at_once(sizes: list[int], rate_bps: float) -> None:
    pacer = Pacer()
    waits_s = [pacer.wait_s(100.0, size, rate_bps=rate_bps) for size in sizes]
    assert waits_s[0] == 0
    assert waits_s == sorted(waits_s)
    before_last = sum(sizes[:-1]) * 8 / rate_bps - BURST_S
    assert waits_s[-1] == pytest.approx(max(0.0, before_last), abs=1e-6)
    assert pacer.wait_s(1e6, 1500, rate_bps=rate_bps) == 0


def test_of_many_lost_packets_only_so_many_are_sent_again_as_fit() -> None:
    pacer = Pacer()
    resent = 0
    for number in range(300):  # a queue overflowed, and the browser asks for all of it within 30 ms
        now_s = 50 + number / 10_000
        if pacer.has_room(now_s):
            pacer.wait_s(now_s, 1250, rate_bps=1e6)
            resent += 1
    assert 5 <= resent <= 15, "a tenth of a second's worth"
    assert pacer.has_room(51.0), "later again"
