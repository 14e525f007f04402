"""The bar over the game: figures that were measured, quality, loudness, full screen."""

from __future__ import annotations

import pytest

from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

TIMEOUT_S = 30
MEASURED = {
    "latency": " ms", "rtt": " ms", "fps": " fps", "bitrate": "bit/s", "encode": " ms", "decode": " ms",
    "codec": "avc1.", "size": "1280×720", "transport": "WebSocket", "viewers": "1",
}  # fmt: skip


def shown_fps(viewer: Viewer) -> float:
    stats = (viewer.player() or {}).get("stats") or {}
    return float(stats.get("shown_fps") or 0)


def test_the_bar_shows_what_is_measured_and_does_what_it_says(viewer: Viewer) -> None:
    viewer.play("testcard-tone")
    viewer.choose_transport("websocket")
    viewer.page.mouse.move(640, 5)
    viewer.by_id("stats-toggle").click()
    for name, unit in MEASURED.items():
        figure = viewer.by_id(f"stat-{name}")
        wait_until(lambda figure=figure, unit=unit: unit in figure.inner_text(), TIMEOUT_S, f"a figure of {name}")  # type: ignore[misc]
    assert viewer.by_id("stat-transport-reason").inner_text()

    wait_until(lambda: viewer.sound_level() > 0.1, TIMEOUT_S, "the tone")
    viewer.page.mouse.move(640, 10)
    viewer.by_id("volume-slider").fill("30")
    wait_until(lambda: 0.001 < viewer.sound_level() < 0.05, TIMEOUT_S, "the tone, softer")

    viewer.by_id("quality-select").select_option("saver")
    wait_until(lambda: 0 < shown_fps(viewer) <= 33, TIMEOUT_S, "thirty pictures a second, no more")

    viewer.page.mouse.move(640, 10)
    viewer.by_id("fullscreen-button").click()
    wait_until(lambda: viewer.page.evaluate("document.fullscreenElement !== null"), TIMEOUT_S, "the full screen")
    viewer.page.reload()
    viewer.wait_picture()
    wait_until(lambda: 0.001 < viewer.sound_level() < 0.05, TIMEOUT_S, "the same loudness after a reload")
