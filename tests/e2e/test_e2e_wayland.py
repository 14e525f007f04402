"""A Wayland desktop in a real browser: a program of Wayland alone, and one of X11 by Xwayland."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from packages.stream.tests.engine.compositor import install_card
from packages.stream.tests.engine.guests.wayland_card import COLOURS

from dillinger_bench.house import House
from dillinger_bench.testcard import guest
from dillinger_bench.testcard.install import ON_WAYLAND
from dillinger_bench.viewer import SHOW_TIMEOUT_S, Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

GAME = """schema = 1
title = "Wayland card"

[launch]
kind = "native"
command = ["/usr/bin/python3", "-I", "wayland_card.py"]
directory = "game"

[display]
desktop = "wayland"
"""
START_S = 60.0
"""For a start under load; no figure."""
TOLERANCE = 20


def test_a_program_of_wayland_alone_is_shown_and_played(
    viewer: Viewer, house: House, put_game: Callable[..., Path]
) -> None:
    install_card(put_game("wayland-card", GAME))
    log = house.target.session_dir(viewer.play("wayland-card", START_S)) / "guest.log"

    def saw(line: str) -> None:
        wait_until(lambda: line in log.read_text("utf-8", "replace").splitlines(), START_S, f"the game's {line!r}")

    def shows(colour: int) -> bool:
        wanted = (colour >> 16, colour >> 8 & 0xFF, colour & 0xFF)
        (seen,) = viewer.means((400, 400, 64, 64))
        return all(abs(one - other) <= TOLERANCE for one, other in zip(seen, wanted, strict=False))

    wait_until(lambda: shows(COLOURS[0]), START_S, "the first colour")
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("c")
    wait_until(lambda: shows(COLOURS[1]), START_S, "the second colour")
    viewer.page.keyboard.down("Shift")
    saw("modifiers 1 0")
    viewer.page.evaluate("window.dispatchEvent(new Event('blur'))")
    saw("key 42 up")
    saw("modifiers 0 0")
    viewer.point_at(500, 300)
    saw("pointer 500 300")
    viewer.page.set_viewport_size({"width": 1600, "height": 900})
    saw("size 1600x900")
    wait_until(lambda: viewer.picture == (1600, 900), SHOW_TIMEOUT_S, "the picture in that size")


@pytest.mark.full
def test_a_program_of_x11_plays_there_too(viewer: Viewer) -> None:
    viewer.play("testcard-light" + ON_WAYLAND)
    first = viewer.wait_card(lambda card: card.frame is not None, "a frame").frame
    assert first is not None
    viewer.wait_card(lambda card: (card.frame or 0) >= first + 10, "ten frames more")
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Space")
    card = viewer.wait_card(lambda card: card.key_flip, "the key's flip")
    assert card.key == guest.SPACE
    viewer.point_at(700, 500)
    viewer.wait_card(lambda card: card.pointer == (700, 500), "the pointer there")
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    viewer.wait_card(lambda card: card.button_flip and card.button == 1, "the button's flip")
