"""The rate control alone, in front of an encoder that is a formula."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_stream.encode.quantizer import BUFFER_FRAMES, COARSEST, SHARPEST, Activity, QuantizerControl

FRAME_NS = 16_666_667
PIXELS = 1280 * 720


def control(bitrate_bps: int = 8_000_000) -> QuantizerControl:
    return QuantizerControl(bitrate_bps=bitrate_bps, rate_hz=60.0, pixels=PIXELS)


def bits_of(quantizer: int, *, weight: float, slope: float) -> int:
    return max(80, round(PIXELS * weight * 2 ** (-slope * (quantizer - 26))))


@settings(deadline=None)  # a busy machine may take a second for any of them
@given(slope=st.floats(0.07, 0.6), weight=st.floats(0.01, 0.4))
def test_the_rate_is_kept_whatever_the_content_is_like(slope: float, weight: float) -> None:
    rate, spent = control(), []
    for number in range(240):
        quantizer = rate.choose(number * FRAME_NS, Activity(5.0, 4.0), is_alone=not number)
        bits = bits_of(quantizer, weight=weight * (4 if not number else 1), slope=slope)
        rate.spent(bits)
        spent.append((quantizer, bits))
    mean_bps = sum(bits for _, bits in spent[120:]) / 2
    reachable = [bits_of(quantizer, weight=weight, slope=slope) * 60 for quantizer in (COARSEST, SHARPEST)]
    assert min(max(8_000_000, reachable[0]), reachable[1]) == pytest.approx(mean_bps, rel=0.15)


def test_pictures_that_cost_more_than_one_that_stands_alone_was_believed_to_are_made_coarser() -> None:
    """Steep above a quantizer, as H.264 where it drops what is small: what was learned below it promises too little."""
    rate, spent = control(), []
    for number in range(240):
        quantizer = rate.choose(number * FRAME_NS, Activity(5.0, 4.0), is_alone=not number)
        bits = bits_of(min(quantizer, 30), weight=0.1 if not number else 1.0, slope=0.2)
        bits = max(80, round(bits * 2 ** -max(0, quantizer - 40)))
        rate.spent(bits)
        spent.append(bits)
    assert sum(spent[120:]) / 2 == pytest.approx(8_000_000, rel=0.15)


@given(st.lists(st.tuples(st.floats(0, 255), st.floats(0, 255), st.integers(1, 10**8), st.booleans()), max_size=60))
def test_no_content_makes_it_leave_its_range(pictures: list[tuple[float, float, int, bool]]) -> None:
    rate = control()
    for number, (change, detail, bits, is_alone) in enumerate(pictures):
        quantizer = rate.choose(number * FRAME_NS, Activity(change, detail), is_alone=is_alone or not number)
        assert SHARPEST <= quantizer <= COARSEST
        again = rate.choose_again(bits)
        assert again is None or quantizer <= again <= COARSEST
        rate.spent(bits)
        assert SHARPEST <= rate.sharpen(number * FRAME_NS + 1) <= COARSEST
        rate.spent(bits)


def test_a_cut_is_seen_before_it_is_encoded() -> None:
    """From a picture in which little moves to one that is all new: it costs no more than one that stands alone."""
    rate = control()
    for number in range(60):
        quantizer = rate.choose(number * FRAME_NS, Activity(0.2, 3.0), is_alone=not number)
        rate.spent(bits_of(quantizer, weight=0.6 if not number else 0.004, slope=0.2))
    assert quantizer <= SHARPEST + 3
    quantizer = rate.choose(60 * FRAME_NS, Activity(40.0, 3.0), is_alone=False)
    assert bits_of(quantizer, weight=0.6, slope=0.2) < 8_000_000 / 60 * BUFFER_FRAMES


def test_rest_is_sharpened_step_by_step_until_nothing_is_left() -> None:
    rate, seen = control(1_000_000), []
    quantizer = rate.choose(0, Activity(9.0, 9.0), is_alone=True)
    rate.spent(bits_of(quantizer, weight=1.0, slope=0.2))
    for number in range(1, 20):
        seen.append(rate.sharpen(number * 6 * FRAME_NS))
        rate.spent(bits_of(seen[-1], weight=0.3, slope=0.2))
    assert seen == sorted(seen, reverse=True)
    assert seen[0] < quantizer
    assert seen[-1] == SHARPEST


@pytest.mark.parametrize("gaps", [(1,), (2,), (1, 2, 2)], ids=["60 a second", "30", "35 with gaps"])
def test_a_game_that_draws_more_slowly_gets_all_of_the_bitrate(gaps: tuple[int, ...]) -> None:
    rate, at, started, spent = control(), 0, 0, 0
    for number in range(300):
        quantizer = rate.choose(at * FRAME_NS, Activity(5.0, 4.0), is_alone=not number)
        bits = bits_of(quantizer, weight=0.2, slope=0.2)
        rate.spent(bits)
        at += gaps[number % len(gaps)]
        spent += bits if number >= 60 else 0
        if number == 59:
            started = at
    assert spent / ((at - started) / 60) == pytest.approx(8_000_000, rel=0.1)


def test_frames_that_come_slower_may_be_larger() -> None:
    quantizers = []
    for step in (1, 2):
        rate = control()
        for number in range(0, 240, step):
            quantizer = rate.choose(number * FRAME_NS, Activity(5.0, 4.0), is_alone=not number)
            rate.spent(bits_of(quantizer, weight=0.2, slope=0.2))
        quantizers.append(quantizer)
    assert quantizers[1] < quantizers[0]
    assert math.isclose(quantizers[1], quantizers[0], abs_tol=6)
