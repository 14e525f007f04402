"""A house, a Chromium and a person who is logged in: one house and one browser for all, a fresh profile a test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer, new_context, open_browser
from dillinger_bench.waiting import wait_until
from dillinger_seat.guests.wine_template import ensure_template


@pytest.fixture(scope="session")
def house(web_dir: Path) -> Iterator[House]:
    with House(web_dir=web_dir) as house:
        yield house


@pytest.fixture(scope="session")
def template(house: House) -> None:
    """What Windows drives are made of: made once for all suites of a run, which share a home."""
    shared = Path.home() / ".cache/dillinger-tests/wine"
    ensure_template(shared)
    place = house.target.state_dir / "runner/wine"
    shutil.rmtree(place, ignore_errors=True)
    place.symlink_to(shared)


@pytest.fixture
def put_game(house: House) -> Iterator[Callable[..., Path]]:
    """Puts a folder with this game.toml and these files into the library while the test lasts."""
    folders: list[Path] = []

    def put(game_id: str, entry: str, *files: Path) -> Path:
        folder = house.library_dir / game_id
        folder.mkdir()
        folders.append(folder)
        for file in files:
            shutil.copy(file, folder)
        (folder / "game.toml").write_text(entry, "utf-8")
        with house.client() as client:
            wait_until(lambda: any(game["game_id"] == game_id for game in client.games()), 60, f"{game_id} is there")
        return folder

    yield put
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # A microphone that beeps, and nobody to be asked whether it may be used.
    with open_browser(more_flags=("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")) as browser:
        yield browser


@pytest.fixture(scope="session")
def login_state(house: House, browser: Browser) -> Any:
    """What a browser keeps of a login that went through the page, one-time password and all."""
    context = new_context(browser)
    Viewer(context.new_page(), house.target).login()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_viewer(
    house: House,
    browser: Browser,
    login_state: Any,
    explained: list[House],
    has_failed: Callable[[], bool],
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., Viewer]]:
    """Opens tabs, each in a profile of its own with the options given; afterwards they and all sessions are gone."""
    explained.append(house)
    viewers: list[Viewer] = []

    def open_one(**options: Any) -> Viewer:
        viewer = Viewer(new_context(browser, storage_state=login_state, **options).new_page(), house.target)
        viewers.append(viewer)
        return viewer

    yield open_one
    folder = os.environ.get("DILLINGER_TEST_SCREENSHOTS")
    for number, viewer in enumerate(viewers):
        if has_failed() and not viewer.page.is_closed():
            print(f"--- tab {number}: {viewer.page.url}", viewer.player(), sep="\n")
        if folder:
            viewer.page.screenshot(path=f"{folder}/{request.node.name}-{number}.png")
        viewer.page.context.close()
    with house.client() as client:
        for view in client.sessions():
            if view["state"] != "ended":
                client.stop(view["session_id"])
                client.wait_state(view["session_id"], {"ended"})


@pytest.fixture
def viewer(open_viewer: Callable[..., Viewer]) -> Viewer:
    return open_viewer()
