"""What is given up where bits are few, with an encoder that is a formula."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_contracts.session import Preference
from dillinger_stream.ladder import FULL, HALF, THREE_QUARTERS, Bounds, QualityLadder, Rung

SECOND_NS = 1_000_000_000
WISH = Bounds(60.0)
PREFERENCES: tuple[Preference, ...] = ("balanced", "sharp", "smooth", "battery")


def quantizer_at(rung: Rung, at_top: float) -> int:
    """Four steps finer for half of the pictures, four for half of the pixels, and three by a thriftier codec."""
    share = rung.most_hz / 60 * float(rung.scale) ** 2
    return round(at_top + 4 * math.log2(share) - 3 * rung.is_thrifty)


def play(ladder: QualityLadder, *, at_top: float, seconds: float, start_ns: int = 0, bounds: Bounds = WISH) -> int:
    """Pictures whose quantizer is `at_top` at 60 a second and full size."""
    now_ns = start_ns
    while now_ns < start_ns + seconds * SECOND_NS:
        rung = ladder.rung(bounds)
        ladder.saw(now_ns, quantizer_at(rung, at_top), bounds)
        now_ns += round(SECOND_NS / rung.most_hz)
    return now_ns


def test_what_is_sharp_enough_loses_nothing() -> None:
    ladder = QualityLadder()
    play(ladder, at_top=41, seconds=60)
    assert ladder.rung(WISH) == Rung(60.0)
    assert ladder.reason(WISH) is None


def test_the_frame_rate_goes_first_then_the_size_then_the_codec_and_all_come_back() -> None:
    ladder, bounds = QualityLadder(), replace(WISH, has_thrifty=True)
    now_ns, seen = 0, [ladder.rung(bounds)]
    for _ in range(40):
        now_ns = play(ladder, at_top=70, seconds=0.5, start_ns=now_ns, bounds=bounds)
        if ladder.rung(bounds) != seen[-1]:
            seen.append(ladder.rung(bounds))
    assert seen == [
        Rung(60), Rung(45), Rung(30), Rung(30, THREE_QUARTERS), Rung(30, HALF), Rung(30, HALF, True),
        Rung(20, HALF, True), Rung(15, HALF, True),
    ]  # fmt: skip
    play(ladder, at_top=20, seconds=60, start_ns=now_ns, bounds=bounds)
    assert ladder.rung(bounds) == Rung(60.0)


def test_each_viewer_gives_up_what_matters_least_to_them() -> None:
    rungs: dict[Preference, Rung] = {}
    for preference in PREFERENCES:
        ladder = QualityLadder(preference)
        play(ladder, at_top=44, seconds=30)
        rungs[preference] = ladder.rung(WISH)
    assert rungs["sharp"].scale == FULL
    assert rungs["sharp"].most_hz < rungs["balanced"].most_hz < 60
    assert rungs["smooth"].most_hz == 60
    assert rungs["smooth"].scale < FULL
    assert rungs["balanced"].scale == FULL
    assert rungs["battery"].most_hz <= 30


def test_the_reason_says_what_was_given_up() -> None:
    ladder = QualityLadder()
    play(ladder, at_top=60, seconds=3.6)
    reason = ladder.reason(WISH)
    assert reason is not None
    assert "30 of 60 pictures" in reason
    assert "3/4 of the size" in reason
    assert QualityLadder("battery").reason(WISH) == "To save the battery: 30 of 60 pictures a second"


def test_a_cut_between_two_scenes_changes_nothing() -> None:
    ladder = QualityLadder()
    now_ns = play(ladder, at_top=30, seconds=5)
    now_ns = play(ladder, at_top=57, seconds=0.5, start_ns=now_ns)
    play(ladder, at_top=30, seconds=5, start_ns=now_ns)
    assert ladder.rung(WISH) == Rung(60.0)


def test_a_network_that_recovers_gives_all_back_at_once() -> None:
    ladder, thin, wide = QualityLadder(), replace(WISH, bitrate_bps=1e6), replace(WISH, bitrate_bps=9e6)
    now_ns = play(ladder, at_top=52, seconds=10, bounds=thin)
    assert ladder.rung(thin) == Rung(30, HALF)
    play(ladder, at_top=30, seconds=2.5, start_ns=now_ns, bounds=wide)
    assert ladder.rung(wide) == Rung(60.0)


def test_a_game_that_rests_on_the_same_network_gets_nothing_back_in_a_hurry() -> None:
    ladder, thin = QualityLadder(), replace(WISH, bitrate_bps=1e6)
    now_ns = play(ladder, at_top=52, seconds=10, bounds=thin)
    play(ladder, at_top=18, seconds=3.5, start_ns=now_ns, bounds=replace(thin, bitrate_bps=1.5e6))
    assert ladder.rung(thin) == Rung(30, HALF)


def test_another_choice_counts_at_once() -> None:
    ladder = QualityLadder()
    play(ladder, at_top=70, seconds=20)
    ladder.prefer("smooth")
    assert ladder.rung(WISH) == Rung(60.0)


def test_a_wish_for_few_pictures_is_not_raised_and_may_be_lowered() -> None:
    ladder, few = QualityLadder("sharp"), Bounds(24.0)
    assert ladder.rung(few).most_hz == 24
    play(ladder, at_top=57, seconds=1.5, bounds=few)
    assert ladder.rung(few).most_hz == 20


def test_a_small_desktop_is_not_made_smaller() -> None:
    ladder, small = QualityLadder("smooth"), Bounds(60.0, least_scale=FULL)
    play(ladder, at_top=57, seconds=20, bounds=small)
    assert ladder.rung(small) == Rung(30.0)


@settings(max_examples=60, deadline=None)
@given(
    preference=st.sampled_from(PREFERENCES),
    at_top=st.floats(20, 75),
    gains=st.lists(st.floats(0.0, 7.0), min_size=8, max_size=8),
    has_thrifty=st.booleans(),
)
def test_a_steady_path_has_a_steady_picture(
    preference: Preference, at_top: float, gains: list[float], has_thrifty: bool
) -> None:
    """However much each step is worth, as long as it is less than what lies between the two limits."""
    bounds = Bounds(60.0, has_thrifty=has_thrifty)
    ladder, now_ns = QualityLadder(preference), 0

    def second() -> None:
        nonlocal now_ns
        for _ in range(10):
            ladder.saw(now_ns, round(at_top - sum(gains[: ladder.step])), bounds)
            now_ns += SECOND_NS // 10

    for _ in range(60):
        second()
    settled = ladder.step
    for _ in range(90):
        second()
        assert ladder.step == settled


@settings(max_examples=40, deadline=None)
@given(preference=st.sampled_from(PREFERENCES), gain=st.floats(8.0, 40.0), at_top=st.floats(43, 80))
def test_steps_that_are_worth_too_much_make_it_swing_ever_more_seldom(
    preference: Preference, gain: float, at_top: float
) -> None:
    ladder, now_ns, moves = QualityLadder(preference), 0, 0
    for _ in range(6000):
        before = ladder.step
        ladder.saw(now_ns, round(at_top - gain * before), WISH)
        now_ns += SECOND_NS // 10
        moves += ladder.step != before
    assert moves < 40, "in ten minutes"


@settings(deadline=None)
@given(
    preference=st.sampled_from(PREFERENCES),
    pictures=st.lists(
        st.tuples(
            st.integers(0, 10**10), st.integers(0, 90), st.floats(1, 240), st.sampled_from([FULL, HALF]),
            st.floats(0, 1e9),
        ), max_size=80,
    ),
)  # fmt: skip
def test_any_pictures_at_any_time_leave_what_is_within_bounds(
    preference: Preference, pictures: list[tuple[int, int, float, Any, float]]
) -> None:
    ladder, now_ns = QualityLadder(preference), 0
    for gap_ns, quantizer, wish_hz, least, bitrate_bps in pictures:
        now_ns += gap_ns
        bounds = Bounds(wish_hz, least, bitrate_bps=bitrate_bps)
        ladder.saw(now_ns, quantizer, bounds)
        rung = ladder.rung(bounds)
        assert min(15, wish_hz) <= rung.most_hz <= wish_hz
        assert least <= rung.scale <= FULL
        assert not rung.is_thrifty
