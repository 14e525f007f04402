"""Figures of what was seen over a bad network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dillinger_bench.network.link import Bin, LinkProfile
from dillinger_bench.network.timeline import (
    KEY_DEADLINE_S,
    Window,
    drained_s,
    freezes,
    key_delays,
    loss_ratio,
    queue_floor_ms,
    queue_ms,
    rate_bps,
    recovery_s,
)

WINDOW = Window(10.0, 20.0)


def test_freezes_are_gaps_also_at_both_ends() -> None:
    smooth = [10 + place / 60 for place in range(600)]
    assert freezes(smooth, WINDOW) == []
    assert freezes([], WINDOW) == [10.0]
    broken = [at_s for at_s in smooth if not 12 < at_s < 13] + [21.0]
    assert [round(gap_s, 1) for gap_s in freezes(broken, WINDOW)] == [1.0]
    assert [round(gap_s, 1) for gap_s in freezes([at_s for at_s in smooth if at_s < 19], WINDOW)] == [1.0]


def test_a_key_is_matched_to_the_picture_that_counts_it_however_late() -> None:
    presses = [(11.3, 255), (12.0, 1)]  # the counter wraps, and one picture may show two keys
    assert [round(delay, 3) for delay in key_delays([11.0, 11.4, 11.5], presses, 254)] == [0.3, 0.6, 0.5]
    assert key_delays([11.0], [], 0) == [KEY_DEADLINE_S]


@given(st.lists(st.floats(0.01, 0.5), min_size=1, max_size=400), st.floats(0, 2))
def test_a_steady_delay_is_found_for_any_rhythm(gaps_s: list[float], delay_s: float) -> None:
    pressed, at_s = [], 0.0
    for gap_s in gaps_s:
        at_s += gap_s
        pressed.append(at_s)
    presses = [(moment + delay_s, (number + 1) % 256) for number, moment in enumerate(pressed)]
    assert all(abs(found - delay_s) < 1e-9 for found in key_delays(pressed, presses, 0))


def test_the_links_rate_queue_loss_and_recovery() -> None:
    bins = [Bin(10 + place / 10, offered=10, lost=1, delivered_bytes=12_500 if place >= 30 else 1250,
                queue_ms=float(place)) for place in range(100)]  # fmt: skip
    assert rate_bps(bins, Window(10.0, 13.0)) == 1e5
    assert round(recovery_s(bins, WINDOW, 1e6), 1) == 2.9, "from when half a second carries most of it"
    assert recovery_s(bins, WINDOW, 1e9) == 10.0, "never"
    assert queue_ms(bins, WINDOW, 1.0) == 99.0
    assert loss_ratio(bins, WINDOW) == 0.1


def test_a_drop_makes_a_queue_of_what_is_sent_until_the_sender_can_know() -> None:
    narrow = LinkProfile(rate_bps=1e6, queue_bytes=100_000)
    assert queue_floor_ms(5e6, narrow, 0.05) == pytest.approx(200)
    assert queue_floor_ms(20e6, narrow, 0.05) == pytest.approx(800), "the buffer, no more"
    assert queue_floor_ms(0.8e6, narrow, 0.05) == 0
    assert queue_floor_ms(5e6, LinkProfile(), 0.05) == 0


def queues(*lengths_ms: float) -> list[Bin]:
    return [Bin(10 + place / 10, queue_ms=length_ms) for place, length_ms in enumerate(lengths_ms)]


def test_a_queue_is_drained_once_it_stays_short() -> None:
    window = Window(10, 12)
    assert drained_s(queues(100, 20), window) == 0, "it was never long"
    assert drained_s(queues(100, 400, 300, 100, 100, 200, 20), window) == pytest.approx(0.6), "short for 0.2 s"
    again = queues(100, 400, 100, 100, 100, 100, 100, 100, 200)
    assert drained_s(again, window) == pytest.approx(0.2), "what comes later counts as what comes later"
    assert drained_s(queues(*[400] * 20), window) == pytest.approx(2), "never"
