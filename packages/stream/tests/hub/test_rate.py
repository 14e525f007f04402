"""Rate control against paths of water: a queue, a width that changes, and feedback that comes late."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_stream.transport.rate import FLOOR_BPS, PathState, RateControl

WISH_BPS = 12_000_000
STEP_S = 0.01
FEEDBACK_S = 0.1
WINDOW_S = 0.25


@dataclass(frozen=True)
class Moment:
    at_s: float
    target_bps: float
    queue_ms: float
    is_duplicated: bool


def play(
    width_bps: Callable[[float], float], *, seconds: float, rtt_s: float = 0.05, jitter_ms: float = 0.0,
    loss_ratio: float = 0.0, fill: float = 1.0, takes_duplicates: bool = False,
) -> list[Moment]:  # fmt: skip
    """An encoder that follows the target within 50 ms, a path, and what it measures a round trip and a half later."""
    control, chance = RateControl(), random.Random(1)
    sent_bps, queue_bits, told_s = float(WISH_BPS), 0.0, 0.0
    seen: deque[tuple[float, float, float]] = deque(maxlen=200)
    moments = []
    for number in range(int(seconds / STEP_S)):
        now_s = number * STEP_S
        target_bps = float(control.bps or WISH_BPS)
        sent_bps += (target_bps * fill - sent_bps) * STEP_S / 0.05
        queue_bits += sent_bps * (1 + control.is_duplicated) * STEP_S * (now_s >= control.paused_until_s)
        carried_bits = min(queue_bits, width_bps(now_s) * STEP_S)
        queue_bits -= carried_bits
        queue_ms = queue_bits / width_bps(now_s) * 1000
        seen.append((now_s, queue_ms, carried_bits * (1 - loss_ratio)))
        moments.append(Moment(now_s, target_bps, queue_ms, control.is_duplicated))
        if now_s - told_s >= FEEDBACK_S:
            told_s, then_s = now_s, now_s - rtt_s - FEEDBACK_S / 2
            known = [one for one in seen if then_s - WINDOW_S < one[0] <= then_s]
            if known:
                state = PathState(
                    queue_ms=known[-1][1] + abs(chance.gauss(0, jitter_ms)),
                    carried_bps=sum(one[2] for one in known) / WINDOW_S,
                    rtt_ms=rtt_s * 1000, loss_ratio=loss_ratio, takes_duplicates=takes_duplicates,
                )  # fmt: skip
                control.step(now_s, state, wish_bps=WISH_BPS)
    return moments


def test_a_wide_path_is_left_alone() -> None:
    assert {moment.target_bps for moment in play(lambda _: 50e6, seconds=30, jitter_ms=10)} == {WISH_BPS}


def test_a_busy_encoder_that_fills_little_is_no_reason_to_change() -> None:
    assert {moment.target_bps for moment in play(lambda _: 6e6, seconds=30, fill=0.3)} == {WISH_BPS}


@settings(max_examples=12, deadline=None)
@given(width_bps=st.floats(6e5, 10e6), rtt_s=st.floats(0.005, 0.15))
def test_a_thin_path_is_used_and_its_queue_stays_short(width_bps: float, rtt_s: float) -> None:
    moments = [moment for moment in play(lambda _: width_bps, seconds=30, rtt_s=rtt_s) if moment.at_s > 10]
    queues_ms = sorted(moment.queue_ms for moment in moments)
    assert queues_ms[len(queues_ms) // 2] < 60
    assert queues_ms[-len(queues_ms) // 20] < 300
    used = sum(min(moment.target_bps, width_bps) for moment in moments) / len(moments) / width_bps
    assert used > 0.7


@pytest.mark.parametrize("end_s", [16.5, 17.0, 17.5, 18.0])
def test_a_path_that_narrows_and_widens_again(end_s: float) -> None:
    moments = play(lambda at_s: 1e6 if 8 < at_s < end_s else 20e6, seconds=22)
    narrow = [moment for moment in moments if 12 < moment.at_s < end_s]
    assert max(moment.queue_ms for moment in narrow) < 250, "four seconds later the flood has drained"
    assert max(moment.target_bps for moment in narrow) < 2e6
    back_s = next(moment.at_s for moment in moments if moment.at_s > end_s and moment.target_bps >= 0.8 * WISH_BPS)
    assert back_s - end_s <= 3.0


def test_on_a_lossy_path_repairs_do_not_halt_the_picture_all_the_time() -> None:
    for loss_ratio in (0.002, 0.01, 0.02, 0.05):
        target_bps = play(lambda _: 50e6, seconds=20, loss_ratio=loss_ratio)[-1].target_bps
        lost_a_second = target_bps / 9600 * loss_ratio
        assert lost_a_second * 0.05 < 0.5
        assert target_bps > min(WISH_BPS, 1e6)
    near = play(lambda _: 50e6, seconds=20, loss_ratio=0.01, rtt_s=0.005)
    assert near[-1].target_bps == WISH_BPS, "where a repair takes no time, loss costs nothing"
    heavy = play(lambda _: 50e6, seconds=20, loss_ratio=0.4)
    assert heavy[-1].target_bps < WISH_BPS / 20


def test_where_a_lossy_path_has_room_packets_go_twice_and_pictures_stay_sharp() -> None:
    for loss_ratio in (0.02, 0.05, 0.07):
        moments = play(lambda _: 50e6, seconds=20, loss_ratio=loss_ratio, takes_duplicates=True)
        assert moments[-1].is_duplicated
        assert moments[-1].target_bps > 0.45 * WISH_BPS
        assert max(moment.target_bps * (1 + moment.is_duplicated) for moment in moments) <= WISH_BPS
    for wide in (play(lambda _: 50e6, seconds=20, loss_ratio=loss, takes_duplicates=True) for loss in (0.0, 0.002)):
        assert {(moment.target_bps, moment.is_duplicated) for moment in wide} == {(WISH_BPS, False)}


def test_a_hiccup_of_a_lossy_path_is_forgotten() -> None:
    moments = play(
        lambda at_s: 0.5e6 if 3 < at_s < 4 else 50e6, seconds=20, loss_ratio=0.05, takes_duplicates=True
    )  # fmt: skip
    assert moments[-1].is_duplicated
    assert moments[-1].target_bps > 0.45 * WISH_BPS


@settings(max_examples=12, deadline=None)
@given(width_bps=st.floats(1e6, 8e6), loss_ratio=st.floats(0.01, 0.1))
def test_going_twice_fills_no_thin_path(width_bps: float, loss_ratio: float) -> None:
    def steady(*, takes_duplicates: bool) -> list[Moment]:
        moments = play(lambda _: width_bps, seconds=30, loss_ratio=loss_ratio, takes_duplicates=takes_duplicates)
        return [moment for moment in moments if moment.at_s > 10]

    moments = steady(takes_duplicates=True)
    queues_ms = sorted(moment.queue_ms for moment in moments)
    assert queues_ms[len(queues_ms) // 2] < 60
    assert queues_ms[-len(queues_ms) // 20] < 300
    once = steady(takes_duplicates=False)
    assert sum(one.target_bps for one in moments) > 0.5 * sum(one.target_bps for one in once)


@settings(max_examples=200, deadline=None)
@given(
    states=st.lists(
        st.tuples(
            st.floats(0, 1), st.floats(-1e6, 1e6), st.floats(0, 1e12), st.floats(0, 1e6), st.floats(0, 1), st.booleans()
        ), max_size=60,
    ),
    wish_bps=st.integers(100_000, 200_000_000),
)  # fmt: skip
def test_whatever_is_measured_the_target_stays_between_floor_and_wish(
    states: list[tuple[float, float, float, float, float, bool]], wish_bps: int
) -> None:
    control, now_s = RateControl(), 0.0
    for gap_s, queue_ms, carried_bps, rtt_ms, loss, takes_duplicates in states:
        now_s += gap_s
        control.step(now_s, PathState(queue_ms, carried_bps, rtt_ms, loss, takes_duplicates), wish_bps=wish_bps)
        assert takes_duplicates or not control.is_duplicated
        assert control.bps is None or min(FLOOR_BPS, wish_bps) <= control.bps <= wish_bps
        assert control.paused_until_s <= now_s + 0.3
