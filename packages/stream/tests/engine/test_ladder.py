"""How many pictures there are where bits are few, with an encoder that is a formula."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dillinger_contracts.session import Preference
from dillinger_stream.ladder import RateLadder

SECOND_NS = 1_000_000_000


def play(ladder: RateLadder, *, at_60_hz: float, seconds: float, start_ns: int = 0, wish_hz: float = 60.0) -> int:
    """Pictures whose quantizer is `at_60_hz` at 60 a second, and four steps finer at each half of that."""
    now_ns = start_ns
    while now_ns < start_ns + seconds * SECOND_NS:
        rate_hz = ladder.limit(wish_hz)
        ladder.saw(now_ns, round(at_60_hz - 4 * math.log2(60 / rate_hz)), wish_hz=wish_hz)
        now_ns += round(SECOND_NS / rate_hz)
    return now_ns


def test_what_is_sharp_enough_keeps_every_picture() -> None:
    ladder = RateLadder()
    play(ladder, at_60_hz=41, seconds=60)
    assert ladder.limit(60) == 60


def test_coarse_pictures_become_fewer_step_by_step_and_all_come_back() -> None:
    ladder = RateLadder()
    now_ns = play(ladder, at_60_hz=44, seconds=2)
    assert 30 <= ladder.limit(60) < 60
    now_ns = play(ladder, at_60_hz=57, seconds=10, start_ns=now_ns)
    assert ladder.limit(60) == 15
    play(ladder, at_60_hz=24, seconds=40, start_ns=now_ns)
    assert ladder.limit(60) == 60


@pytest.mark.parametrize("at_60_hz", [43, 45, 47, 49, 51, 55])
def test_a_steady_path_has_a_steady_rate(at_60_hz: float) -> None:
    ladder = RateLadder()
    now_ns = play(ladder, at_60_hz=at_60_hz, seconds=15)
    settled_hz = ladder.limit(60)
    for _ in range(60):
        now_ns = play(ladder, at_60_hz=at_60_hz, seconds=1, start_ns=now_ns)
        assert ladder.limit(60) == settled_hz


def test_a_cut_between_two_scenes_changes_nothing() -> None:
    ladder = RateLadder()
    now_ns = play(ladder, at_60_hz=30, seconds=5)
    now_ns = play(ladder, at_60_hz=57, seconds=0.5, start_ns=now_ns)
    play(ladder, at_60_hz=30, seconds=5, start_ns=now_ns)
    assert ladder.limit(60) == 60


def test_viewers_who_prefer_sharp_or_smooth_get_it() -> None:
    rates: dict[Preference, float] = {}
    preferences: tuple[Preference, ...] = ("sharp", "balanced", "smooth")
    for preference in preferences:
        ladder = RateLadder(preference)
        play(ladder, at_60_hz=44, seconds=20)
        rates[preference] = ladder.limit(60)
    assert rates["sharp"] < rates["balanced"] < rates["smooth"] == 60


def test_another_choice_counts_at_once() -> None:
    ladder = RateLadder()
    play(ladder, at_60_hz=57, seconds=20)
    ladder.prefer("smooth")
    assert ladder.limit(60) == 60


def test_a_wish_for_few_pictures_is_not_raised_and_may_be_lowered() -> None:
    ladder = RateLadder()
    assert ladder.limit(24) == 24
    play(ladder, at_60_hz=57, seconds=1.5, wish_hz=30)
    assert ladder.limit(30) == 20


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(17, 57), st.floats(1, 240)), max_size=80))
def test_any_pictures_at_any_time_leave_a_rate_between_floor_and_wish(pictures: list[tuple[int, int, float]]) -> None:
    ladder, now_ns = RateLadder(), 0
    for gap_ns, quantizer, wish_hz in pictures:
        now_ns += gap_ns
        ladder.saw(now_ns, quantizer, wish_hz=wish_hz)
        assert min(15, wish_hz) <= ladder.limit(wish_hz) <= wish_hz
