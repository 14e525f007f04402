"""Installers that are clicked through in a real browser: what they leave becomes the game, for every player."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

START_S = 90.0
"""For a start under load; no figure."""
WAIT_MS = 90_000
MIDDLE = (300, 220, 40, 40)


def add(viewer: Viewer, house: House, file: Path, title: str) -> str:
    """Adds a file of the import directory by the page's form; the game's id."""
    (house.state_dir / "import").mkdir(exist_ok=True)
    shutil.copy(file, house.state_dir / "import" / file.name)
    page = viewer.page
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{viewer.target.core_url}/games/add")
    page.get_by_label(f"Choose {file.name}").click()
    expect(viewer.by_id("field-isInstaller")).to_be_checked(timeout=WAIT_MS)
    viewer.by_id("field-title").fill(title)
    game_id: str = viewer.by_id("field-gameId").input_value()
    viewer.by_id("game-submit").click()
    viewer.by_id("to-library").click()
    expect(viewer.card_of(game_id)).to_contain_text("Not installed yet", timeout=WAIT_MS)
    return game_id


def play(viewer: Viewer, game_id: str) -> None:
    viewer.play(game_id, START_S)
    viewer.by_id("stage").focus()


def wait_colour(viewer: Viewer, channel: int, what: str) -> None:
    """Until the middle of the picture is mostly red (0), green (1) or blue (2)."""

    def is_there() -> bool:
        [mean] = viewer.means(MIDDLE)
        return mean[channel] > 150 and all(mean[other] < 110 for other in range(3) if other != channel)

    wait_until(is_there, START_S, what)


def end(house: House, viewer: Viewer) -> None:
    with house.client() as client:
        client.stop(viewer.session_id)
        client.wait_state(viewer.session_id, {"ended"})


def test_a_windows_installer_is_clicked_through_and_its_game_played(
    viewer: Viewer, house: House, template: None, tmp_path: Path
) -> None:
    source = Path(__file__).with_name("installer.c")
    setup = tmp_path / "Moving_Card_setup.exe"
    command = ["x86_64-w64-mingw32-gcc", "-O1", "-mwindows", "-o", str(setup), str(source), "-ladvapi32", "-lgdi32"]
    subprocess.run(command, check=True)
    game_id = add(viewer, house, setup, "Moving Card")
    play(viewer, game_id)
    session_id = viewer.session_id
    wait_colour(viewer, 2, "the installer's window")
    viewer.point_at(320, 240)
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    with house.client() as client:
        assert client.wait_state(session_id, {"ended"}, START_S)["end"]["reason"] == "game_exited"
    viewer.by_id("to-editor").click()
    viewer.by_id("take-over").click()
    expect(viewer.by_id("installing")).to_have_count(0, timeout=WAIT_MS)
    drive = house.library_dir / game_id / ".dillinger/prefix/drive_c"
    assert (drive / "Program Files/Moving Card/Moving Card.exe").is_file()
    assert r"C:\\Program Files\\Moving Card\\Moving Card.exe" in (house.library_dir / game_id / "game.toml").read_text()
    assert not (house.state_dir / "saves/admin" / game_id / ".dillinger").exists(), "its player begins anew"
    play(viewer, game_id)
    wait_colour(viewer, 1, "the game, which finds what its installer wrote into the registry")
    end(house, viewer)


@pytest.mark.full
def test_a_makeself_installer_asks_its_questions_in_a_terminal(viewer: Viewer, house: House, tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.mkdir()
    shutil.copy(house.library_dir / "testcard/testcard.py", content / "card.dat")
    (content / "start.sh").write_text(
        '#!/bin/sh\ncd "$(dirname "$0")" && exec /usr/bin/python3 -I card.dat --mode light\n'
    )
    install = (
        'echo "Install the card? (y)"; read answer; [ "$answer" = y ] || exit 1\n'
        'mkdir "$HOME/Card" && cp start.sh card.dat "$HOME/Card"\n'
    )
    (content / "install.sh").write_text(f"#!/bin/sh\n{install}")
    for name in ("start.sh", "install.sh"):
        (content / name).chmod(0o755)
    file = tmp_path / "Own_Card-1.0.sh"
    subprocess.run(["makeself", "--quiet", str(content), str(file), "Own Card", "./install.sh"], check=True)
    game_id = add(viewer, house, file, "Own Card")
    play(viewer, game_id)
    session_id = viewer.session_id
    viewer.page.keyboard.type("y", delay=30)
    viewer.page.keyboard.press("Enter", delay=60)
    with house.client() as client:
        assert client.wait_state(session_id, {"ended"}, START_S)["end"]["reason"] == "game_exited"
    viewer.page.goto(f"{viewer.target.core_url}/games/{game_id}/edit")
    viewer.by_id("take-over").click()
    expect(viewer.by_id("installing")).to_have_count(0, timeout=WAIT_MS)
    assert (house.library_dir / game_id / "installed/Card/start.sh").is_file()
    play(viewer, game_id)
    viewer.wait_card(lambda card: card.frame is not None, "the installed game's picture", START_S)
    end(house, viewer)
