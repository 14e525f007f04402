"""Which tone belongs to which flip."""

from __future__ import annotations

import pytest

from dillinger_bench.lipsync import delays_of, figures_of


def test_a_flip_goes_with_the_nearest_tone() -> None:
    found = figures_of([1000.0, 2000.0, 3000.0, 4000.0], [990.0, 2030.0, 3050.0, 4900.0])
    assert found == {"sound_after_picture_p50": 30.0, "sound_after_picture_p95": pytest.approx(48.0), "beeps_heard": 75}


def test_nothing_heard_has_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing"):
        figures_of([1000.0], [])


def test_the_game_s_own_delays_are_read_from_its_log() -> None:
    log = "testcard: beep in 91.0 ms\nsomething else\ntestcard: beep in 25.5 ms\ntestcard: beep in x ms\n"
    assert delays_of(log) == [25.5]
    assert delays_of("") == []
