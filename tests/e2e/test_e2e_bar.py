"""The bar over the game: figures that were measured, quality, loudness, full screen."""

from __future__ import annotations

import pytest

from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

TIMEOUT_S = 60
MEASURED = {
    "latency": " ms", "rtt": " ms", "fps": " fps", "bitrate": "bit/s", "encode": " ms", "decode": " ms",
    "codec": "avc1.", "size": "1280×720", "transport": "WebSocket", "viewers": "1",
}  # fmt: skip


def shown_fps(viewer: Viewer) -> float:
    stats = (viewer.player() or {}).get("stats") or {}
    return float(stats.get("shown_fps") or 0)


def focused(viewer: Viewer) -> str | None:
    name: str | None = viewer.page.evaluate("document.activeElement.dataset.testid ?? null")
    return name


def test_the_bar_shows_what_is_measured_and_does_what_it_says(viewer: Viewer) -> None:
    viewer.play("testcard-tone")
    viewer.choose_transport("websocket")
    viewer.click_in_bar("stats-toggle")
    for name, unit in MEASURED.items():
        figure = viewer.by_id(f"stat-{name}")
        wait_until(lambda figure=figure, unit=unit: unit in figure.inner_text(), TIMEOUT_S, f"a figure of {name}")  # type: ignore[misc]
    assert viewer.by_id("stat-transport-reason").inner_text()
    viewer.by_id("times-toggle").press("Enter")
    for stage in ("capture", "encode", "send", "network", "decode"):
        time = viewer.by_id(f"time-{stage}")
        wait_until(lambda time=time: float(time.inner_text()) >= 0, TIMEOUT_S, f"the time of {stage}")  # type: ignore[misc]
    viewer.by_id("times-toggle").press("Enter")

    wait_until(lambda: viewer.sound_level() > 0.1, TIMEOUT_S, "the tone")
    viewer.page.mouse.move(640, 10)
    viewer.by_id("volume-slider").fill("30")
    wait_until(lambda: 0.001 < viewer.sound_level() < 0.05, TIMEOUT_S, "the tone, softer")

    title = viewer.by_id("overlay-bar").get_by_text("Test card", exact=False)
    assert title.evaluate("(title) => title.scrollWidth <= title.clientWidth"), "the title is cut off"
    button, menu = viewer.by_id("stream-button"), viewer.by_id("stream-menu")
    button.focus()
    before = viewer.picture
    viewer.page.set_viewport_size({"width": 1100, "height": 640})
    wait_until(lambda: viewer.picture not in (None, before), TIMEOUT_S, "a picture of another size")
    viewer.page.keyboard.press("Enter")  # which takes the focus from nobody
    viewer.by_id("quality-select").wait_for()
    viewer.page.keyboard.press("Tab")
    wait_until(lambda: focused(viewer) == "quality-select", TIMEOUT_S, "the first choice by the Tab key")
    viewer.page.keyboard.press("Escape")
    menu.wait_for(state="hidden")
    wait_until(lambda: focused(viewer) == "stream-button", TIMEOUT_S, "the focus back at the menu's button")
    viewer.page.keyboard.press("Escape")
    wait_until(lambda: focused(viewer) == "stage", TIMEOUT_S, "the focus back in the game")

    with viewer.stream_menu():
        viewer.by_id("quality-select").select_option("saver")
    wait_until(lambda: 0 < shown_fps(viewer) <= 33, TIMEOUT_S, "thirty pictures a second, no more")

    viewer.click_in_bar("fullscreen-button")
    wait_until(lambda: viewer.page.evaluate("document.fullscreenElement !== null"), TIMEOUT_S, "the full screen")
    viewer.page.reload()
    viewer.wait_picture()
    wait_until(lambda: 0.001 < viewer.sound_level() < 0.05, TIMEOUT_S, "the same loudness after a reload")
