"""A desktop streamed by `dillinger-stream` in a real browser: its page, its picture, and a key that arrives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from packages.stream.tests.engine.conftest import XServer, start_xvfb
from packages.stream.tests.program.program_house import DEADLINE_S, Program, open_shelf
from playwright.sync_api import Browser

from dillinger_bench.target import Target
from dillinger_bench.testcard import guest
from dillinger_bench.viewer import Viewer, new_context

pytestmark = pytest.mark.browser

COLOUR_TOLERANCE = 20
KEY_A = 30


@dataclass
class Desk:
    """A display with the test card on it, streamed."""

    display: XServer
    program: Program


@pytest.fixture
def desk(web_dir: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        shelf = stack.enter_context(open_shelf())
        display = start_xvfb("1280x720")
        stack.callback(display.process.wait, DEADLINE_S)
        stack.callback(display.process.terminate)
        card = subprocess.Popen(
            [sys.executable, "-I", guest.__file__, "--mode", "light"],
            env=os.environ | {"DISPLAY": display.name}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(card.wait, DEADLINE_S)
        stack.callback(card.kill)
        program = shelf.start("--display", display.name, DILLINGER_STREAM_SERVER_WEB_DIR=str(web_dir))
        yield Desk(display, program)


@pytest.fixture
def open_desktop(browser: Browser, desk: Desk) -> Iterator[Callable[[str], Viewer]]:
    viewers: list[Viewer] = []

    def open_one(address: str) -> Viewer:
        target = Target(core_url=address, runner_url="", state_dir=Path(), runtime_dir=Path())
        viewer = Viewer(new_context(browser).new_page(), target)
        viewers.append(viewer)
        viewer.page.goto(address)
        return viewer

    yield open_one
    folder = os.environ.get("DILLINGER_TEST_SCREENSHOTS")
    for number, viewer in enumerate(viewers):
        if folder:
            viewer.page.screenshot(path=f"{folder}/desktop-{number}.png")
        viewer.page.context.close()


def test_a_desktop_is_seen_and_played_in_a_browser(open_desktop: Callable[[str], Viewer], desk: Desk) -> None:
    viewer = open_desktop(desk.program.address)
    viewer.wait_picture(DEADLINE_S)
    assert "#" not in viewer.page.url, "the key leaves the address"
    card = viewer.wait_card(lambda card: card.frame is not None, "the card", DEADLINE_S)
    for shown, wanted in zip(card.swatches, guest.SWATCHES, strict=True):
        expected = (wanted >> 16, wanted >> 8 & 0xFF, wanted & 0xFF)
        assert all(abs(one - other) <= COLOUR_TOLERANCE for one, other in zip(shown, expected, strict=True)), shown
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Space")
    viewer.wait_card(lambda card: card.key_flip and card.key == guest.SPACE, "the key's flip", DEADLINE_S)
    viewer.point_at(700, 500)
    viewer.wait_card(lambda card: card.pointer == (700, 500), "the pointer", DEADLINE_S)
    viewer.page.reload()
    viewer.wait_picture(DEADLINE_S)

    second = open_desktop(desk.program.address)
    second.wait_picture(DEADLINE_S)
    second.by_id("take-control").click()
    viewer.by_id("floor-chip").wait_for(timeout=DEADLINE_S * 1000)
    second.by_id("stage").focus()
    second.page.keyboard.press("a")
    second.wait_card(lambda card: card.key == KEY_A, "the key of who took over", DEADLINE_S)

    watcher = open_desktop(desk.program.watch_address)
    watcher.wait_picture(DEADLINE_S)
    assert (watcher.player() or {})["role"] == "viewer"

    desk.display.kill()
    for one in (viewer, second, watcher):
        one.by_id("end-page").wait_for(timeout=DEADLINE_S * 1000)
        assert "is gone" in one.by_id("end-page").inner_text()
    assert desk.program.end()[0] == 1


def test_a_wrong_or_missing_key_is_told_in_the_page(open_desktop: Callable[[str], Viewer], desk: Desk) -> None:
    base = desk.program.address.partition("#")[0]
    stranger = open_desktop(f"{base}#{'x' * 32}")
    stranger.by_id("stream-failed").wait_for(timeout=DEADLINE_S * 1000)
    assert "does not open the stream" in stranger.by_id("stream-failed").inner_text()
    lost = open_desktop(base)
    lost.by_id("no-key").wait_for(timeout=DEADLINE_S * 1000)
