"""Windows programs in a container, whose image brings a Wine, a template and a DXVK of its own.

One of them is played on every run, which also has the image built; the others are for the full one.
"""

from __future__ import annotations

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


@pytest.mark.full
def test_minesweeper_is_played_by_mouse(viewer: Viewer, add_game: Callable[[str, str], Path]) -> None:
    windows.test_minesweeper_has_the_desktop_to_itself_and_is_played_by_mouse(viewer, add_game)


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
def test_a_32_bit_program_draws_or_is_told_what_the_image_lacks(
    house: House, add_game: Callable[[str, str], Path]
) -> None:
    add_game("old", '["./windows.exe", "d3d9"]')
    build(house.target.state_dir / "library/old/windows.exe", 32)
    with house.client() as client:
        session_id = client.play("old")["session_id"]
        end = client.wait_state(session_id, {"ended"}, START_S)["end"]
    if end["reason"] == "refused":  # the mirror's two halves did not fit when the image was built
        assert "32-bit program" in end["message"], end
        return
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
            return
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
