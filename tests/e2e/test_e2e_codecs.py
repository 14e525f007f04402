"""Codecs in a real browser: what is offered works, is shown with its reason, and the picture goes on."""

from __future__ import annotations

import pytest

from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.full]

OFFER_TIMEOUT_S = 240
"""A seat tries what its machine encodes in time some seconds after the first picture, behind everything else."""
TIMEOUT_S = 60


def test_codecs_are_offered_once_they_are_known_and_carry_the_picture(viewer: Viewer) -> None:
    viewer.play("testcard-light")
    viewer.choose_transport("websocket")
    viewer.page.mouse.move(640, 5)
    viewer.by_id("stats-toggle").click()
    codec, reason = viewer.by_id("stat-codec"), viewer.by_id("stat-codec-reason")
    wait_until(lambda: reason.inner_text() == "H.264: the quickest here", TIMEOUT_S, "the default and its reason")
    option = viewer.by_id("codec-select").locator("option[value=h264-high]")
    wait_until(lambda: option.count() == 1, OFFER_TIMEOUT_S, "the offer")

    with viewer.stream_menu():
        viewer.by_id("codec-select").select_option("h264-high")
    wait_until(lambda: codec.inner_text().startswith("avc1.64"), TIMEOUT_S, "H.264 High")
    wait_until(lambda: reason.inner_text() == "H.264 High, as you chose", TIMEOUT_S, "the reason")
    frame = viewer.wait_card(lambda card: card.frame is not None, "a frame").frame
    assert frame is not None
    viewer.wait_card(lambda card: (card.frame or 0) >= frame + 30, "thirty frames more")

    with viewer.stream_menu():
        viewer.by_id("sharp-text").check()
    wait_until(lambda: codec.inner_text().startswith("avc1.f4"), TIMEOUT_S, "H.264 4:4:4")
    card = viewer.wait_card(lambda card: card.frame is not None, "a frame")
    assert card.size == (1280, 720)
