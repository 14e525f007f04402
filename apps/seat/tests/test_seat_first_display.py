"""The size that a desktop starts with."""

from __future__ import annotations

from dillinger_contracts.game import DisplayConfiguration
from dillinger_contracts.session import StreamProfile
from dillinger_seat.desktops.xvfb import LARGEST, first_display

WINDOW = StreamProfile(width_px=1600, height_px=900)


def test_a_game_that_follows_starts_at_the_viewers_size() -> None:
    first = first_display(DisplayConfiguration(), WINDOW)
    assert (first.width_px, first.height_px) == (1600, 900)


def test_a_game_of_its_own_size_keeps_it() -> None:
    display = DisplayConfiguration(width_px=640, height_px=480, resizable=False)
    assert first_display(display, WINDOW) == display


def test_no_viewer_gets_more_than_the_display_server_has() -> None:
    first = first_display(DisplayConfiguration(), StreamProfile(width_px=7680, height_px=4320))
    assert (first.width_px, first.height_px) == (LARGEST.width_px, LARGEST.height_px)


def test_a_game_that_wants_a_larger_one_may_have_it() -> None:
    display = DisplayConfiguration(width_px=3840, height_px=2160)
    first = first_display(display, StreamProfile(width_px=3840, height_px=2160))
    assert (first.width_px, first.height_px) == (3840, 2160)
