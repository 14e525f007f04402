"""Looking around by moving the device, from the browser's sensors into a game that follows heads.

Chromium's own stand-in for the sensors (DevTools protocol) turns the device; everything after it is real.
"""

from __future__ import annotations

from collections.abc import Callable
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


def hold(device: CDPSession, alpha: float, beta: float) -> None:
    """The device is held so: upright at beta 90, alpha grows to the left."""
    device.send("DeviceOrientation.setDeviceOrientationOverride", {"alpha": alpha, "beta": beta, "gamma": 0})


def test_who_moves_the_device_looks_around_in_the_game(
    viewer: Viewer, house: House, put_game: Callable[..., Path]
) -> None:
    put_game("headtest", GAME, GUEST)
    device = viewer.page.context.new_cdp_session(viewer.page)
    log = house.target.session_dir(viewer.play("headtest", START_S)) / "guest.log"

    def told() -> list[str]:
        return [line for line in log.read_text("utf-8", "replace").splitlines() if line.startswith("pose ")]

    def sees(pose: str) -> None:
        wait_until(lambda: told()[-1:] == [f"pose 0 0 0 {pose}"], START_S, f"the game's {pose!r}")

    wait_until(lambda: "listening" in log.read_text("utf-8", "replace"), START_S, "a game that listens")
    expect(viewer.by_id("head-button")).to_have_count(0)  # no sensor has said anything
    hold(device, 123, 45)
    viewer.by_id("head-button").wait_for(state="attached", timeout=START_S * 1000)
    assert told() == [], "nobody has asked for it yet"
    viewer.click_in_bar("head-button")
    sees("0 0 0")
    viewer.page.evaluate("() => addEventListener('deviceorientation', (is) => (window.held = [is.alpha, is.beta]))")

    def turn(alpha: float, beta: float) -> None:
        hold(device, alpha, beta)
        wait_until(lambda: viewer.page.evaluate("window.held") == [alpha, beta], START_S, "the device's own word")

    turn(6, 90)
    viewer.click_in_bar("recentre-button")
    turn(356, 90)
    sees("10 0 0")
    turn(356, 115)
    sees("10 25 0")
    viewer.click_in_bar("recentre-button")
    sees("0 0 0")
    turn(26, 115)
    sees("-30 0 0")
    viewer.click_in_bar("head-button")
    sees("0 0 0")
    turn(300, 90)
    with house.client() as client:
        client.stop(viewer.session_id)
        client.wait_state(viewer.session_id, {"ended"})
    assert log.read_text("utf-8").splitlines()[-2:] == ["pose 0 0 0 0 0 0", "left"], "after the button"
