"""Windows programs in a real browser: Wine's notepad takes what is typed, its Minesweeper is played with the mouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.e2e.test_e2e_doom import clicked_into_lock

from dillinger_bench.house import House
from dillinger_bench.launches import Player
from dillinger_bench.subjects import SUBJECTS, Subject, add
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until
from dillinger_bench.windows.build import build

pytestmark = pytest.mark.browser

GAME = r"""schema = 1
title = "{title}"

[launch]
kind = "wine"
command = {command}

[display]
width_px = 640
height_px = 480
"""
DRAWN = [pytest.param(one, id=one.game_id) for one in SUBJECTS if one.bits == 64]
TEXT = "dear wine, it is 5 o'clock"
PASTED = "and it is 6 o'clock elsewhere"
START_S = 100.0
"""For a start under load; no figure."""


@pytest.fixture
def add_game(house: House, template: None, put_game: Callable[..., Path]) -> Callable[[str, str], Path]:
    """Puts a Windows game into the library while the test lasts; returns where its drive C will be."""

    def add(game_id: str, command: str) -> Path:
        put_game(game_id, GAME.format(title=game_id.title(), command=command))
        return house.target.state_dir / "saves/admin" / game_id / ".dillinger/prefixes/default/drive_c"

    return add


def play(viewer: Viewer, game_id: str) -> None:
    viewer.play(game_id, START_S)
    viewer.by_id("stage").focus()


def picture_size(viewer: Viewer) -> tuple[int, int]:
    picture = (viewer.player() or {})["picture"]
    return picture["width_px"], picture["height_px"]


def middle(viewer: Viewer) -> tuple[int, int, int, int]:
    width, height = picture_size(viewer)
    return width // 2 - 80, height // 2 - 30, 160, 60


def test_notepad_shows_takes_text_shares_what_is_copied_saves_it_and_is_gone(
    viewer: Viewer, house: House, add_game: Callable[[str, str], Path]
) -> None:
    letter = add_game("notepad", r"""["notepad", 'C:\letter.txt']""") / "letter.txt"
    play(viewer, "notepad")
    session_id = viewer.session_id
    # It asks whether to make the file, in a grey box in the middle of its white paper: Enter is yes.
    wait_until(lambda: 200 < viewer.means(middle(viewer))[0][0] < 252, START_S, "the question over the paper")
    viewer.page.keyboard.press("Enter", delay=60)
    viewer.page.keyboard.type(TEXT, delay=20)
    viewer.page.keyboard.press("Control+s", delay=60)
    wait_until(lambda: letter.is_file() and letter.read_text("utf-8", "replace").strip() == TEXT, 30, "the letter")
    viewer.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    viewer.page.keyboard.press("Control+a", delay=60)
    viewer.page.keyboard.press("Control+c", delay=60)
    wait_until(lambda: viewer.page.evaluate("navigator.clipboard.readText()") == TEXT, 30, "what notepad copied")
    viewer.page.evaluate("text => navigator.clipboard.writeText(text)", PASTED)

    def is_pasted_over_it() -> bool:
        for key in ("a", "v", "s"):
            viewer.page.keyboard.press(f"Control+{key}", delay=60)
        return letter.read_text("utf-8", "replace").strip() == PASTED

    wait_until(is_pasted_over_it, 30, "what was pasted over it")
    with house.client() as client:
        client.stop(session_id)
        client.wait_state(session_id, {"ended"})
    assert not (house.target.runtime_dir / session_id).exists()


@pytest.mark.full
def test_a_shooter_that_puts_the_pointer_back_gets_the_page_s_steps(
    viewer: Viewer, house: House, add_game: Callable[[str, str], Path]
) -> None:
    add_game("shooter", '["./windows.exe", "warp"]')
    build(house.target.state_dir / "library/shooter/windows.exe")
    play(viewer, "shooter")
    wait_until(lambda: clicked_into_lock(viewer), START_S, "the mouse, which the game has taken")
    log = house.target.session_dir(viewer.session_id) / "guest.log"
    viewer.page.mouse.move(647, 297)
    wait_until(lambda: "step 7 -3" in log.read_text("utf-8", "replace").splitlines(), START_S, "a step")


@pytest.mark.full
def test_a_windows_program_is_heard(viewer: Viewer, house: House, add_game: Callable[[str, str], Path]) -> None:
    add_game("tone", '["./windows.exe", "tone"]')
    build(house.target.state_dir / "library/tone/windows.exe")
    play(viewer, "tone")
    wait_until(lambda: viewer.sound_level() > 0.001, START_S, "the tone, in the page")


@pytest.mark.full
@pytest.mark.parametrize("subject", DRAWN)
def test_what_a_windows_program_draws_is_shown(
    house: House, browser: Browser, template: None, subject: Subject
) -> None:
    try:
        add(house.library_dir, subject)
        with Player(house.target, browser) as player:
            assert player.play(subject) > 0
    finally:
        shutil.rmtree(house.library_dir / subject.game_id, ignore_errors=True)


@pytest.mark.full
def test_a_game_and_its_editor_have_a_windows_drive_each(house: House, add_game: Callable[[str, str], Path]) -> None:
    key = r"HKCU\Software\Level"
    add_game("builder", f"""["reg", "add", '{key}', "/v", "Name", "/d", "Castle", "/f"]""")
    entry = house.target.state_dir / "library/builder/game.toml"

    def played(prefix: str) -> str:
        query = f"""["reg", "query", '{key}', "/v", "Name"]\nprefix = "{prefix}\""""
        entry.write_text(GAME.format(title="Builder", command=query), "utf-8")
        return said()

    def said() -> str:
        with house.client() as client:
            session_id = client.play("builder")["session_id"]
            client.wait_state(session_id, {"ended"}, START_S)
        return (house.target.session_dir(session_id) / "guest.log").read_text("utf-8", "replace")

    said()
    assert "Castle" not in played("editor")
    assert "Castle" in played("default")


def test_minesweeper_has_the_desktop_to_itself_and_is_played_by_mouse(
    viewer: Viewer, add_game: Callable[[str, str], Path]
) -> None:
    add_game("minesweeper", '["winemine"]')
    play(viewer, "minesweeper")

    wait_until(lambda: picture_size(viewer)[0] < 400, 20, "a desktop as small as its window")
    look = "getComputedStyle(document.querySelector('.stage .dillinger-surface[data-shown]')).imageRendering"
    assert viewer.page.evaluate(look) == "pixelated", "so small a picture fills the window, and stays sharp"
    width, height = picture_size(viewer)
    field = [(x, y, 4, 4) for x in range(16, width - 20, 8) for y in range(height // 2, height - 20, 8)]
    before = viewer.means(*field)
    viewer.point_at(width // 2, height * 3 // 4)
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    wait_until(lambda: viewer.means(*field) != before, 20, "an opened field")
