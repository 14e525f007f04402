"""Windows programs in a container, whose image brings a Wine, a template and a DXVK of its own.

Some are played on every run, which also has the image built; the others are for the full one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests import container_engine
from tests.e2e import test_e2e_windows as windows
from tests.e2e.test_e2e_pads import BROWSER_PAD, teller
from tests.e2e.test_e2e_windows import (
    add_game,
    test_a_windows_program_is_heard,
    test_notepad_shows_takes_text_shares_what_is_copied_saves_it_and_is_gone,
    test_what_a_windows_program_draws_is_shown,
)

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer, new_context
from dillinger_bench.waiting import wait_until
from dillinger_bench.windows.build import build

__all__ = [
    "add_game",
    "test_a_windows_program_is_heard",
    "test_notepad_shows_takes_text_shares_what_is_copied_saves_it_and_is_gone",
    "test_what_a_windows_program_draws_is_shown",
]

pytestmark = pytest.mark.browser

PADS = Path(__file__).parents[3] / "apps/seat/tests/guests/pads.c"
START_S = 120.0
PROTON = """#!/usr/bin/python3 -I
import json, os, sys
data = os.environ["STEAM_COMPAT_DATA_PATH"]
with open(data + "/given.json", "w") as file:
    json.dump(sys.argv[1:], file)
os.environ["WINEPREFIX"] = data + "/pfx"
os.execv("/usr/bin/wine", ["wine", *sys.argv[2:]])
"""
"""A stand-in that notes what it was given, and plays by the image's own Wine."""
UNDER_PROTON = """schema = 1
title = "Under Proton"

[launch]
kind = "proton"
command = ["./windows.exe", "exit", "7"]
runtime = "GE-Proton9-20"
"""


@pytest.fixture(scope="module")
def house(web_dir: Path) -> Iterator[House]:
    wine = {"DILLINGER_RUNNER_DOCKER_WINE_IMAGE": container_engine.image("wine")}
    with House(web_dir=web_dir, settings=container_engine.settings() | wine) as house:
        yield house


@pytest.fixture(scope="module")
def template() -> None:
    """The image's own."""


@pytest.fixture(scope="module")
def login_state(house: House, browser: Browser) -> Any:
    context = new_context(browser)
    Viewer(context.new_page(), house.target).login()
    state = context.storage_state()
    context.close()
    return state


def test_minesweeper_is_played_by_mouse(viewer: Viewer, add_game: Callable[[str, str], Path]) -> None:
    windows.test_minesweeper_has_the_desktop_to_itself_and_is_played_by_mouse(viewer, add_game)


def ended(house: House, game_id: str) -> dict[str, Any]:
    """How it ended, by itself."""
    with house.client() as client:
        session_id = client.play(game_id)["session_id"]
        return dict(client.wait_state(session_id, {"ended"}, START_S)["end"])


def test_the_end_is_told_with_its_exit_code_or_with_what_crashed(
    house: House, add_game: Callable[[str, str], Path]
) -> None:
    add_game("failing", '["./windows.exe", "exit", "7"]')
    build(house.library_dir / "failing/windows.exe")
    failed = ended(house, "failing")
    assert failed["reason"] == "game_crashed" and "exit code 7" in failed["message"], failed
    entry = house.library_dir / "failing/game.toml"
    entry.write_text(windows.GAME.format(title="Failing", command='["./windows.exe", "null"]'), "utf-8")
    crashed = ended(house, "failing")
    told = f"windows.exe crashed: page fault on write access to {0:016}"
    assert crashed["reason"] == "game_crashed" and told in crashed["message"], crashed


@pytest.mark.full
def test_a_program_under_proton_is_started_as_steam_does_it(house: House, put_game: Callable[..., Path]) -> None:
    tool = house.library_dir / "runtimes/GE-Proton9-20/proton"
    tool.parent.mkdir(parents=True)
    tool.write_text(PROTON)
    tool.chmod(0o755)
    build(put_game("under-proton", UNDER_PROTON) / "windows.exe")
    end = ended(house, "under-proton")
    assert (end["reason"], end["exit_code"]) == ("game_crashed", 7), end
    given = house.target.state_dir / "saves/admin/under-proton/.dillinger/proton/default/given.json"
    assert json.loads(given.read_text()) == ["waitforexitandrun", "/game/windows.exe", "exit", "7"]


@pytest.mark.full
@pytest.mark.parametrize("api", ["d3d9", "d3d11"])
def test_dxvk_draws_direct3d_by_vulkan_in_software(
    house: House, add_game: Callable[[str, str], Path], api: str
) -> None:
    add_game("drawing", f'["./windows.exe", "{api}"]\ndxvk = true')
    build(house.target.state_dir / "library/drawing/windows.exe")
    with house.client() as client:
        session_id = client.play("drawing")["session_id"]
        end = client.wait_state(session_id, {"ended"}, START_S)["end"]
    said = (house.target.session_dir(session_id) / "guest.log").read_text("utf-8", "replace")
    assert f"{api} 336699" in said.splitlines(), end
    assert "Present mode: VK_PRESENT_MODE" in said, "drawn by Vulkan"


@pytest.mark.full
def test_a_32_bit_program_draws(house: House, add_game: Callable[[str, str], Path]) -> None:
    add_game("old", '["./windows.exe", "d3d9"]')
    build(house.target.state_dir / "library/old/windows.exe", 32)
    with house.client() as client:
        session_id = client.play("old")["session_id"]
        end = client.wait_state(session_id, {"ended"}, START_S)["end"]
    if end["reason"] == "refused":  # the mirror's two halves did not fit when the image was built
        assert "32-bit program" in end["message"], end
        pytest.skip("no 32-bit half of Wine in the image")
    said = (house.target.session_dir(session_id) / "guest.log").read_text("utf-8", "replace")
    assert "d3d9 336699" in said.splitlines(), end


@pytest.mark.full
def test_winetricks_sets_what_its_verb_says_once(house: House, add_game: Callable[[str, str], Path]) -> None:
    query = r"""["reg", "query", 'HKCU\Software\Wine\X11 Driver', "/v", "Decorated"]"""
    add_game("tricks", f'{query}\nwinetricks = ["windowmanagerdecorated=n"]')
    for is_first in (True, False):
        with house.client() as client:
            session_id = client.play("tricks")["session_id"]
            end = client.wait_state(session_id, {"ended"}, START_S)["end"]
        if end["reason"] == "refused":  # as above
            assert "32-bit half of Wine" in end["message"], end
            pytest.skip("no 32-bit half of Wine in the image")
        folder = house.target.session_dir(session_id)
        said = (folder / "guest.log").read_text("utf-8", "replace")
        assert ["Decorated", "REG_SZ", "N"] in [line.split() for line in said.splitlines()], end
        words = (folder / "cell.log").read_text("utf-8", "replace")
        assert ("windowmanagerdecorated=n" in words) is is_first, words


@pytest.mark.full
def test_a_gamepad_reaches_a_windows_game_and_rumbles(
    open_viewer: Callable[..., Viewer], house: House, add_game: Callable[[str, str], Path]
) -> None:
    add_game("pads", '["./pads.exe"]')
    program = house.target.state_dir / "library/pads/pads.exe"
    subprocess.run(["x86_64-w64-mingw32-gcc", "-O1", "-o", str(program), str(PADS), "-lwinmm"], check=True)
    viewer = open_viewer()
    viewer.page.add_init_script(BROWSER_PAD)
    viewer.play("pads", START_S)
    saw = teller(viewer, house)
    saw("ready")
    viewer.page.evaluate("plug(true)")
    saw("xinput added")
    viewer.page.evaluate("press(0, true)")
    saw("xinput buttons 1000")
    wait_until(lambda: viewer.page.evaluate("shaken.includes(1)"), START_S, "the pad's rumble")
    viewer.page.evaluate("plug(false)")
    saw("xinput removed")
