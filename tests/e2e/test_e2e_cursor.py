"""The desktop's pointer drawn by the page: as the player's own mouse pointer, and as an image for those who watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from packages.stream.tests.engine.conftest import Painter, start_xvfb
from packages.stream.tests.engine.cursors import ARROW, CROSS, hide_cursor, set_cursor
from packages.stream.tests.program.program_house import DEADLINE_S, Program, open_shelf
from playwright.sync_api import Browser

from dillinger_bench.target import Target
from dillinger_bench.viewer import Viewer, new_context
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

GREY = 0x808080
BOX = (300, 200, 40, 40)
"""Around where the pointer is put."""


@pytest.fixture
def desk(web_dir: Path) -> Iterator[tuple[Painter, Program]]:
    """A grey display with an arrow, streamed."""
    with ExitStack() as stack:
        shelf = stack.enter_context(open_shelf())
        display = start_xvfb("1280x720")
        stack.callback(display.process.wait, DEADLINE_S)
        stack.callback(display.process.terminate)
        painter = Painter(display.name, width=1280, height=720)
        stack.callback(painter.close)
        painter.fill(GREY, 0, 0, 1280, 720)
        painter.warp(20, 20)
        set_cursor(painter, ARROW)
        yield painter, shelf.start("--display", display.name, DILLINGER_STREAM_SERVER_WEB_DIR=str(web_dir))


def opened(stack: ExitStack, browser: Browser, address: str) -> Viewer:
    page = new_context(browser).new_page()
    stack.callback(page.context.close)
    viewer = Viewer(page, Target(core_url=address, runner_url="", state_dir=Path(), runtime_dir=Path()))
    page.goto(address)
    viewer.wait_picture(DEADLINE_S)
    return viewer


def pointer_of(viewer: Viewer) -> str:
    """What the browser shows where the mouse is."""
    found: str = viewer.by_id("stage").evaluate("(stage) => getComputedStyle(stage).cursor")
    return found


def wait_pointer(viewer: Viewer, start: str, *, other_than: str = "") -> str:
    """The mouse's pointer, once it begins like that."""

    def found() -> str | None:
        now = pointer_of(viewer)
        return now if now.startswith(start) and now != other_than else None

    return wait_until(found, DEADLINE_S, f"a mouse pointer that is {start}")


def wait_overlay(viewer: Viewer, place: tuple[int, int] | None) -> None:
    """Waits until an image over the picture shows the pointer there, or none does."""
    script = """(stage) => {
      const overlay = stage.querySelector(".dillinger-cursor");
      if (overlay.hidden) return null;
      const at = overlay.getBoundingClientRect(), host = stage.getBoundingClientRect();
      return [at.left - host.left, at.top - host.top];
    }"""

    def is_there() -> bool:
        found = viewer.by_id("stage").evaluate(script)
        if place is None or found is None:
            return found is None and place is None
        return all(abs(one - other) <= 16 for one, other in zip(found, place, strict=True))

    wait_until(is_there, DEADLINE_S, f"the pointer's image at {place}")


def is_grey(viewer: Viewer) -> bool:
    (colour,) = viewer.means(BOX)
    return all(abs(value - 0x80) < 4 for value in colour)


def test_the_page_draws_the_pointer(browser: Browser, desk: tuple[Painter, Program]) -> None:
    painter, program = desk
    with ExitStack() as stack:
        player = opened(stack, browser, program.address)
        arrow = wait_pointer(player, 'url("data:image/png;base64,')
        wait_overlay(player, (20, 20))  # until the mouse comes, it is where the desktop has it
        player.point_at(310, 210)
        wait_overlay(player, None)
        wait_until(lambda: is_grey(player), DEADLINE_S, "a picture without the pointer")
        set_cursor(painter, CROSS)
        cross = wait_pointer(player, 'url("data:image/png;base64,', other_than=arrow)

        watcher = opened(stack, browser, program.watch_address)
        wait_overlay(watcher, (310, 210))
        assert not pointer_of(watcher).startswith("url"), "a watcher's own mouse moves nothing"
        player.point_at(600, 400)
        wait_overlay(watcher, (600, 400))
        painter.warp(100, 100)
        painter.fill(GREY + 1, 900, 600, 100, 100)
        wait_overlay(player, (100, 100))  # the game has put it elsewhere than the mouse is
        assert pointer_of(player) == "none"
        player.point_at(310, 210)
        wait_pointer(player, cross)

        hide_cursor(painter)
        wait_pointer(player, "none")
        wait_overlay(watcher, None)
        set_cursor(painter, ARROW)
        wait_pointer(player, arrow)
