"""Codecs in a real browser: what is offered works, is shown with its reason, and the picture goes on."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

OFFER_TIMEOUT_S = 240
"""A seat tries what its machine encodes in time some seconds after the first picture, behind everything else."""
TIMEOUT_S = 60
CONNECT_TIMEOUT_S = 120
"""A machine that is too busy for WebRTC within five seconds tries again after twenty, and after forty more."""
WITHOUT_H264 = """
const setRemoteDescription = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
  return setRemoteDescription.call(this, { type, sdp: sdp.replaceAll("H264/90000", "unheard-of/90000") });
};
"""
"""A browser whose WebRTC knows nothing of H.264, as some are built."""


def figures(viewer: Viewer) -> dict[str, Any]:
    """What the page tells of its stream, and what carries what it shows."""
    player = viewer.player() or {}
    return {"codec": None, "codec_reason": None, **(player.get("stats") or {}), "transport": player.get("transport")}


def connect(viewer: Viewer) -> None:
    """Chooses WebRTC, and waits for its picture."""
    with viewer.stream_menu():
        viewer.by_id("transport-select").select_option("webrtc")
    wait_until(lambda: figures(viewer)["transport"] == "webrtc", CONNECT_TIMEOUT_S, "WebRTC")


def is_codec(viewer: Viewer, begins: str) -> bool:
    """Whether the stream's codec string begins so."""
    return str(figures(viewer)["codec"]).startswith(begins)


def wait_more(viewer: Viewer, frames: int = 10) -> None:
    """Until the game has gone on in the picture."""
    frame = viewer.wait_card(lambda card: card.frame is not None, "a frame", TIMEOUT_S).frame
    assert frame is not None
    viewer.wait_card(lambda card: (card.frame or 0) >= frame + frames, f"{frames} frames more", TIMEOUT_S)


def test_a_browser_without_h264_sees_vp8_over_webrtc(viewer: Viewer) -> None:
    viewer.page.add_init_script(WITHOUT_H264)
    viewer.play("testcard-light")
    connect(viewer)
    wait_until(lambda: figures(viewer)["codec"] == "vp8", TIMEOUT_S, "VP8")
    because = "VP8: a viewer takes no H.264 over WebRTC"
    wait_until(lambda: figures(viewer)["codec_reason"] == because, TIMEOUT_S, "the reason")
    wait_more(viewer)
    card = viewer.wait_card(lambda card: card.frame is not None, "a frame")
    assert card.size == (1280, 720)


@pytest.mark.full
def test_all_that_is_offered_is_carried_by_webrtc_on_one_connection(viewer: Viewer) -> None:
    viewer.play("testcard-light")
    connect(viewer)
    menu = viewer.by_id("codec-select")
    # H.264 High costs the least of what is not there from the start; VP8 and others only where they are made in time.
    wait_until(lambda: menu.locator("option[value=h264-high]").count() == 1, OFFER_TIMEOUT_S, "the offer")
    begins = {"vp8": "vp8", "vp9": "vp09", "av1": "av01", "h264": "avc1.42"}
    offered = [name for name in begins if menu.locator(f"option[value={name}]").count()]
    assert "h264" in offered
    for name in offered:
        with viewer.stream_menu():
            menu.select_option(name)
        wait_until(partial(is_codec, viewer, begins[name]), TIMEOUT_S, name)
        wait_until(lambda: str(figures(viewer)["codec_reason"]).endswith("as you chose"), TIMEOUT_S, "the reason")
        wait_more(viewer)
        viewer.wait_transport("webrtc")
    with viewer.stream_menu():
        viewer.by_id("sharp-text").check()  # costs about as much
    wait_until(partial(is_codec, viewer, "avc1.f4"), TIMEOUT_S, "H.264 4:4:4")
    wait_more(viewer)
    viewer.wait_transport("webrtc")


@pytest.mark.full
def test_codecs_are_offered_once_they_are_known_and_carry_the_picture(viewer: Viewer) -> None:
    viewer.play("testcard-light")
    viewer.choose_transport("websocket")
    viewer.click_in_bar("stats-toggle")
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
