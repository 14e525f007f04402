"""The same in containers, whose image brings Mesa."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e import test_e2e_graphics as graphics
from tests.e2e.test_e2e_graphics import add_game

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer

__all__ = ["add_game"]

pytestmark = pytest.mark.browser


@pytest.mark.full
def test_opengl_draws_in_software(viewer: Viewer, house: House, add_game: Callable[[str, str], Path]) -> None:
    graphics.test_opengl_draws_in_software(viewer, house, add_game)


def test_vulkan_draws_in_software(viewer: Viewer, house: House, add_game: Callable[[str, str], Path]) -> None:
    graphics.test_vulkan_draws_in_software(viewer, house, add_game)
