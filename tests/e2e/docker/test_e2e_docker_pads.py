"""The same gamepad where the game is in a container: its devices and the interposer are mounted there."""

from __future__ import annotations

import pytest
from tests.e2e.test_e2e_pads import test_a_gamepad_plays_rumbles_is_shown_and_is_unplugged

__all__ = ["test_a_gamepad_plays_rumbles_is_shown_and_is_unplugged"]

pytestmark = [pytest.mark.browser]
