"""A seat that hangs: it neither streams nor reports, and is still there. Its player is told; it goes on, or it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psutil
import pytest

from dillinger_bench.client import CoreClient

pytestmark = pytest.mark.full

NOTICED_S = 120.0
"""Pings go out every 20 s and wait as long for their answer."""
ENDED_S = 180.0


def suspended(find_part: Callable[[str, str], psutil.Process | None], session_id: str) -> psutil.Process:
    seat = find_part(session_id, "seat")
    assert seat is not None
    seat.suspend()
    return seat


def test_a_seat_that_hangs_for_a_while_is_unreachable_and_goes_on(
    play: Callable[[str], str], core: CoreClient, find_part: Callable[[str, str], psutil.Process | None]
) -> None:
    session_id = play("ready")
    seat = suspended(find_part, session_id)
    try:
        core.wait_state(session_id, {"unreachable"}, NOTICED_S)
    finally:
        seat.resume()
    assert core.wait_state(session_id, {"ready"}, NOTICED_S)["end"] is None


def test_a_seat_that_hangs_for_good_is_ended_and_nothing_is_left(
    play: Callable[[str], str],
    core: CoreClient,
    find_part: Callable[[str, str], psutil.Process | None],
    household: Callable[[str], Any],
) -> None:
    session_id = play("ready")
    remembered = household(session_id)
    suspended(find_part, session_id)
    end = core.wait_state(session_id, {"ended"}, ENDED_S)["end"]
    assert end["reason"] == "seat_lost" and end["message"]
    remembered.assert_gone()
