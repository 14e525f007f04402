"""A Windows program in a real browser: Wine's notepad starts, shows, takes what is typed, and leaves nothing behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until
from dillinger_seat.guests.wine_template import ensure_template

pytestmark = pytest.mark.browser

GAME_ID = "notepad"
GAME = r"""schema = 1
title = "Notepad"

[launch]
kind = "wine"
command = ["notepad", 'C:\letter.txt']

[display]
width_px = 640
height_px = 480
"""
TEXT = "dear wine, it is 5 o'clock"
START_S = 60.0
"""For a start under load; no figure."""


@pytest.fixture(scope="module")
def template(house: House) -> None:
    """Made once for all suites of a run, which share a home."""
    shared = Path.home() / ".cache/dillinger-tests/wine"
    ensure_template(shared)
    (house.target.state_dir / "runner/wine").symlink_to(shared)


@pytest.fixture
def notepad(house: House, template: None) -> Iterator[Path]:
    """In the library while the test lasts; where its letter will be."""
    folder = house.target.state_dir / "library" / GAME_ID
    folder.mkdir(parents=True)
    (folder / "game.toml").write_text(GAME, "utf-8")
    with house.client() as client:
        wait_until(lambda: any(game["game_id"] == GAME_ID for game in client.games()), 30, "notepad in the library")
    yield house.target.state_dir / "saves/admin" / GAME_ID / ".dillinger/prefixes/default/drive_c/letter.txt"
    shutil.rmtree(folder)


def test_notepad_shows_takes_text_saves_it_and_is_gone(viewer: Viewer, house: House, notepad: Path) -> None:
    viewer.click_play(GAME_ID)
    viewer.page.wait_for_url("**/play/*")
    viewer.wait_picture(START_S)
    session_id = viewer.session_id
    wait_until(lambda: viewer.means((200, 200, 200, 100))[0][0] > 200, 20, "the paper, which is white")
    viewer.by_id("stage").focus()
    # It asks whether to make the file: Enter is yes.
    viewer.page.keyboard.press("Enter", delay=60)
    viewer.page.keyboard.type(TEXT, delay=20)
    viewer.page.keyboard.press("Control+s", delay=60)
    wait_until(lambda: notepad.is_file() and notepad.read_text("utf-8", "replace").strip() == TEXT, 20, "the letter")
    with house.client() as client:
        client.stop(session_id)
        client.wait_state(session_id, {"ended"})
    assert not (house.target.runtime_dir / session_id).exists()
