"""A gamepad from the page into a game that reads it by SDL, and the game's rumble back to the page.

There is no gamepad here, so the browser's own list of them is stood in for; everything after it is real.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

GUEST = Path(__file__).parents[2] / "apps/seat/tests/guests/pads.py"
GAME = """schema = 1
title = "Padtest"

[launch]
kind = "native"
command = ["/usr/bin/python3", "-I", "/game/pads.py", "sdl"]

[display]
width_px = 640
height_px = 480
needs_window = false
"""
BROWSER_PAD = """
const buttons = Array.from({ length: 17 }, () => ({ pressed: false, touched: false, value: 0 }));
window.shaken = [];
window.testPad = {
  id: "Xbox Wireless Controller (STANDARD GAMEPAD Vendor: 045e Product: 0b12)",
  index: 0, connected: true, mapping: "standard", axes: [0, 0, 0, 0], buttons, timestamp: 0,
  vibrationActuator: {
    playEffect: async (kind, effect) => { window.shaken.push(effect.strongMagnitude); return "complete"; },
    reset: async () => { window.shaken.push(0); return "complete"; },
  },
};
window.testPads = [null, null, null, null];
navigator.getGamepads = () => window.testPads;
window.plug = (isIn) => {
  window.testPads[0] = isIn ? window.testPad : null;
  window.dispatchEvent(new Event(isIn ? "gamepadconnected" : "gamepaddisconnected"));
};
window.press = (bit, isDown) => { window.testPad.buttons[bit] = { pressed: isDown, touched: isDown, value: +isDown }; };
"""
START_S = 60.0
"""Under load; no figure."""


def teller(viewer: Viewer, house: House) -> Callable[[str], None]:
    """Waits until the game of `viewer` has printed a line."""
    log = house.target.session_dir(viewer.session_id) / "guest.log"

    def saw(line: str) -> None:
        wait_until(lambda: line in log.read_text("utf-8", "replace").splitlines(), START_S, f"the game's {line!r}")

    return saw


def test_a_gamepad_plays_rumbles_is_shown_and_is_unplugged(
    open_viewer: Callable[..., Viewer], house: House, put_game: Callable[..., Path]
) -> None:
    put_game("padtest", GAME, GUEST)
    viewer = open_viewer(has_touch=True)
    viewer.page.add_init_script(BROWSER_PAD)
    viewer.play("padtest", START_S)
    saw = teller(viewer, house)
    saw("ready")
    viewer.page.evaluate("plug(true)")
    expect(viewer.by_id("notice")).to_contain_text("Gamepad 1: Xbox Wireless Controller")
    saw("added X360 Controller")
    viewer.page.evaluate("press(0, true)")
    saw("button 0 1")
    wait_until(lambda: viewer.page.evaluate("shaken.includes(1)"), START_S, "the pad's rumble")
    viewer.page.evaluate("press(0, false)")
    saw("button 0 0")
    wait_until(lambda: viewer.page.evaluate("shaken.at(-1) === 0"), START_S, "the end of the rumble")
    viewer.page.evaluate("testPad.axes = [0, 1, 0, 0]")
    saw("axis 1 32767")

    viewer.click_in_bar("pads-button")
    saw("axis 1 0")  # the page has it now, and the game nothing of it
    viewer.page.evaluate("press(12, true)")
    expect(viewer.by_id("pad-1-up")).to_have_attribute("data-is-down", "true")
    viewer.by_id("draw-pad").check()
    expect(viewer.by_id("pad-2")).to_contain_text("Touch screen")
    viewer.page.keyboard.press("Escape")
    expect(viewer.by_id("pads-panel")).to_have_count(0)
    saw("button 11 1")

    viewer.by_id("drawn-east").hover()
    viewer.page.mouse.down()
    saw("button 1 1")
    viewer.page.mouse.up()
    saw("button 1 0")

    viewer.page.evaluate("plug(false)")
    saw("removed")
    log = house.target.session_dir(viewer.session_id) / "guest.log"
    assert log.read_text("utf-8").splitlines().count("button 11 1") == 1, "while the panel was open"
