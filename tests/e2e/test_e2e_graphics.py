"""Without a graphics card games draw in software: OpenGL by llvmpipe, Vulkan by lavapipe."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

GAME = """schema = 1
title = "{title}"

[launch]
kind = "native"
command = {command}
directory = "game"

[display]
width_px = 640
height_px = 480
resizable = false
"""
START_S = 60.0
"""For a start under load; no figure."""
GRID = [(x, y, 20, 20) for x in range(40, 600, 40) for y in range(40, 440, 40)]


@pytest.fixture
def add_game(put_game: Callable[..., Path]) -> Callable[[str, str], Path]:
    """Puts a native game into the library while the test lasts; returns its folder."""
    return lambda game_id, command: put_game(game_id, GAME.format(title=game_id.title(), command=command))


def play(viewer: Viewer, house: House, game_id: str) -> Callable[[], str]:
    """Clicks Play and waits for the picture; what the game has printed so far."""
    log = house.target.session_dir(viewer.play(game_id, START_S)) / "guest.log"
    return lambda: log.read_text("utf-8", "replace")


@pytest.mark.full
def test_opengl_draws_in_software(viewer: Viewer, house: House, add_game: Callable[[str, str], Path]) -> None:
    folder = add_game("opengl", '["/usr/bin/python3", "-I", "guest.py", "--rate", "10"]')
    with resources.as_file(resources.files("dillinger_bench.overhead").joinpath("guest.py")) as guest:
        shutil.copyfile(guest, folder / "guest.py")
    said = play(viewer, house, "opengl")
    wait_until(lambda: "llvmpipe" in said(), START_S, "OpenGL by llvmpipe")
    wait_until(lambda: max(max(box) for box in viewer.means(*GRID)) > 80, START_S, "the torus, in the light")


def test_vulkan_draws_in_software(viewer: Viewer, house: House, add_game: Callable[[str, str], Path]) -> None:
    add_game("vulkan", '["vkcube"]')
    said = play(viewer, house, "vulkan")
    wait_until(lambda: "llvmpipe" in said(), START_S, "a Vulkan device that is none of hardware")

    def has_shapes() -> bool:
        means = viewer.means(*GRID)
        return max(map(max, means)) - min(map(min, means)) > 20

    wait_until(has_shapes, START_S, "a cube before something else")
    first = viewer.means(*GRID)
    wait_until(lambda: viewer.means(*GRID) != first, START_S, "the cube turns")
