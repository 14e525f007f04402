"""Looking around by moving the device, from the browser's sensors into a game that follows heads.

Chromium's own stand-in for the sensors (DevTools protocol) turns the device; everything after it is real.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, expect

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

GUEST = Path(__file__).parents[2] / "apps/seat/tests/guests/heads.py"
GAME = """schema = 1
title = "Headtest"
head_tracking = true

[launch]
kind = "native"
command = ["/usr/bin/python3", "-I", "/game/heads.py"]

[display]
width_px = 640
height_px = 480
needs_window = false
"""
START_S = 60.0
"""Under load; no figure."""


@pytest.fixture
def headtest(house: House) -> Iterator[str]:
    """The game in the library."""
    folder = house.target.state_dir / "library/headtest"
    folder.mkdir(parents=True)
    (folder / "game.toml").write_text(GAME, "utf-8")
    shutil.copy(GUEST, folder)
    with house.client() as client:
        wait_until(lambda: any(game["game_id"] == "headtest" for game in client.games()), 30, "the game in the library")
    yield "headtest"
    shutil.rmtree(folder)


def hold(device: CDPSession, alpha: float, beta: float) -> None:
    """The device is held so: upright at beta 90, alpha grows to the left."""
    device.send("DeviceOrientation.setDeviceOrientationOverride", {"alpha": alpha, "beta": beta, "gamma": 0})


def bar_button(viewer: Viewer, name: str) -> None:
    """Brings the bar up, and presses one of its buttons."""
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Control+Alt+b")
    viewer.by_id(name).click()


def test_who_moves_the_device_looks_around_in_the_game(
    open_viewer: Callable[..., Viewer], house: House, headtest: str
) -> None:
    viewer = open_viewer()
    device = viewer.page.context.new_cdp_session(viewer.page)
    viewer.click_play(headtest)
    viewer.page.wait_for_url("**/play/*")
    viewer.wait_picture(START_S)
    log = house.target.session_dir(viewer.session_id) / "guest.log"

    def told() -> list[str]:
        return [line for line in log.read_text("utf-8", "replace").splitlines() if line.startswith("pose ")]

    def sees(pose: str) -> None:
        wait_until(lambda: told()[-1:] == [f"pose 0 0 0 {pose}"], START_S, f"the game's {pose!r}, last {told()[-3:]}")

    wait_until(lambda: "listening" in log.read_text("utf-8", "replace"), START_S, "a game that listens")
    expect(viewer.by_id("head-button")).to_have_count(0)  # no sensor has said anything
    hold(device, 123, 45)
    viewer.by_id("head-button").wait_for(state="attached", timeout=START_S * 1000)
    assert told() == [], "nobody has asked for it yet"
    bar_button(viewer, "head-button")
    sees("0 0 0")
    viewer.page.evaluate("() => addEventListener('deviceorientation', (is) => (window.held = [is.alpha, is.beta]))")

    def turn(alpha: float, beta: float) -> None:
        hold(device, alpha, beta)
        wait_until(lambda: viewer.page.evaluate("window.held") == [alpha, beta], START_S, "the device's own word")

    turn(6, 90)
    bar_button(viewer, "recentre-button")
    turn(356, 90)
    sees("10 0 0")
    turn(356, 115)
    sees("10 25 0")
    bar_button(viewer, "recentre-button")
    sees("0 0 0")
    turn(26, 115)
    sees("-30 0 0")
    bar_button(viewer, "head-button")
    sees("0 0 0")
    turn(300, 90)
    with house.client() as client:
        client.stop(viewer.session_id)
        client.wait_state(viewer.session_id, {"ended"})
    assert log.read_text("utf-8").splitlines()[-2:] == ["pose 0 0 0 0 0 0", "left"], "after the button"
