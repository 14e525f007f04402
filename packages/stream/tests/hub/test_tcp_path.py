"""The kernel's word on a connection, as the seat understands it."""

from __future__ import annotations

import pytest

from dillinger_contracts.signaling import TcpPath
from dillinger_stream.transport.tcp_path import TcpGauge


def told(
    *, rtt_ms: float = 50, acked_bytes: int = 125_000, queued_bytes: int = 0, resent: int = 0, late: int = 0
) -> TcpPath:
    return TcpPath(
        interval_ms=100, rtt_ms=rtt_ms, acked_bytes=acked_bytes, queued_bytes=queued_bytes,
        sent_segments=100, resent_segments=resent, duplicate_segments=late,
    )  # fmt: skip


def test_what_waits_and_what_the_round_trip_grew_by_is_the_queue() -> None:
    gauge = TcpGauge()
    for number in range(5):
        state = gauge.take(told(), number / 10)
    assert state.queue_ms == 0
    assert state.carried_bps == pytest.approx(10e6)
    assert gauge.take(told(rtt_ms=70, queued_bytes=125_000), 0.5).queue_ms == pytest.approx(120)
    for number in range(6, 150):
        state = gauge.take(told(rtt_ms=80), number / 10)
    assert state.queue_ms == 0, "another path, as it seems: that is its round trip"


def test_a_connection_that_carries_nothing_has_a_queue() -> None:
    gauge = TcpGauge()
    gauge.take(told(), 0.0)
    for number in range(1, 9):
        state = gauge.take(told(acked_bytes=0, queued_bytes=500_000), number / 10)
    assert state.queue_ms > 60
    assert state.carried_bps == 0


def test_losses_are_those_of_the_last_second() -> None:
    gauge = TcpGauge()
    for number in range(20):
        gauge.take(told(resent=3 if number == 10 else 0), number / 10)
        if number == 12:
            assert gauge.lost(1.2) == 3
    assert gauge.lost(1.9) == 3
    assert gauge.lost(2.2) == 0


def test_what_was_only_late_is_no_loss() -> None:
    gauge = TcpGauge()
    gauge.take(told(resent=5), 0.0)
    gauge.take(told(late=4), 0.3)
    assert gauge.lost(0.3) == 1


def test_it_speaks_only_for_the_connection_that_it_sees() -> None:
    gauge = TcpGauge()
    assert not gauge.knows(0.0, browser_rtt_ms=None)
    gauge.take(told(rtt_ms=1), 1.0)
    assert gauge.knows(1.1, browser_rtt_ms=12)
    assert not gauge.knows(1.1, browser_rtt_ms=55), "a proxy ends the connection here, the browser is further away"
    assert not gauge.knows(9.0, browser_rtt_ms=12), "nobody told for long"
