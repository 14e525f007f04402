"""The comparison with other products, briefly: each is started, shown, read back and metered. No figure is judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dillinger_bench.measure import CASES
from dillinger_bench.peers.base import Product
from dillinger_bench.peers.dillinger import Dillinger
from dillinger_bench.peers.gstreamer import GStreamer
from dillinger_bench.peers.measure import Effort, family_of, measure, motion_figures, watched
from dillinger_bench.peers.selkies import Selkies
from dillinger_bench.waiting import wait_until
from dillinger_contracts.errors import Unavailable

pytestmark = pytest.mark.browser


def prepared(product: Product) -> Product:
    try:
        product.prepare(print)
    except Unavailable as error:
        product.close()
        pytest.skip(error.message)
    return product


def assert_measured(browser: Browser, product: Product) -> None:
    with watched(browser, product, CASES[0], "motion") as session:
        session.eye.watch("frames")
        wait_until(lambda: session.eye.seen()["frames"] > 5, 60, "pictures that change")
        assert session.eye.picture().shape == (CASES[0].height_px, CASES[0].width_px)
        ours = family_of([session])
        assert ours.display < ours.session <= ours.all
        found = motion_figures([session], CASES[0], Effort(window_s=2))
    assert {"shown_fps", "cpu_motion", "cpu_motion_display", "cpu_browser", "bitrate"} <= found.keys()
    assert found["memory_all"] >= found["memory"] > 10


@pytest.mark.full
def test_dillinger_is_measured_as_one_of_the_products(browser: Browser, web_dir: Path) -> None:
    ours = Dillinger(browser, web_dir, CASES[:1], sessions=1, transport="auto")
    try:
        assert_measured(browser, prepared(ours))
    finally:
        ours.close()


def test_a_plain_gstreamer_pipeline_is_measured(browser: Browser) -> None:
    assert_measured(browser, prepared(GStreamer()))


@pytest.mark.full
@pytest.mark.parametrize("way", ["websockets", "webrtc"])
def test_selkies_is_installed_and_measured(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, way: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "selkies"
    selkies = prepared(Selkies("websockets" if way == "websockets" else "webrtc", folder))
    assert_measured(browser, selkies)
    found = measure(browser, selkies, CASES[0], Effort(keys=5, window_s=2))
    assert 0.5 < found["ssim"] <= 1, "what is shown is what was drawn"
    assert found["key_to_pixel_p50"] < 1000, "a key at the display is seen"
    assert found["key_to_screen_p50"] < 1000, "and the compositor shows it"
    assert found["browser_key_p50"] < 1000, "a key in the page is seen"
