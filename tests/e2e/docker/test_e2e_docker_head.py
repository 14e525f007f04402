"""The same where the game is in a container: its loopback is not the seat's, and it hears all the same."""

from __future__ import annotations

import pytest
from tests.e2e.test_e2e_head import test_who_moves_the_device_looks_around_in_the_game

__all__ = ["test_who_moves_the_device_looks_around_in_the_game"]

pytestmark = [pytest.mark.browser, pytest.mark.full]
