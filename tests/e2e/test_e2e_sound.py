"""Sound in a real browser over both transports, by whoever decodes it: the player, or, where WebRTC's can't be taken
out, the browser by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

TIMEOUT_S = 30


def hear(viewer: Viewer, what: str) -> None:
    wait_until(lambda: viewer.sound_level() > 0.05, TIMEOUT_S, what)


def hear_and_mute(viewer: Viewer) -> None:
    hear(viewer, "the tone")
    viewer.page.mouse.move(640, 10)
    viewer.by_id("mute-button").click()
    wait_until(lambda: viewer.sound_level() < 0.005, TIMEOUT_S, "silence after mute")
    viewer.page.mouse.move(640, 12)
    viewer.by_id("mute-button").click()
    hear(viewer, "the tone again")


def decoder(viewer: Viewer) -> str:
    return str((viewer.player() or {})["sound"]["decoded_by"])


def test_sound_of_both_transports_is_heard_muted_and_decoded_by_the_player(viewer: Viewer) -> None:
    viewer.play("testcard-tone")
    for transport in ("websocket", "webrtc", "websocket"):
        viewer.choose_transport(transport)
        hear_and_mute(viewer)
        assert decoder(viewer) == "player"


def test_where_sound_can_not_be_taken_out_of_webrtc_the_browser_plays_it(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    viewer.page.add_init_script("delete globalThis.RTCRtpScriptTransform")
    viewer.play("testcard-tone")
    viewer.choose_transport("webrtc")
    hear_and_mute(viewer)
    assert decoder(viewer) == "browser"
    viewer.choose_transport("websocket")
    hear_and_mute(viewer)
    assert decoder(viewer) == "player"
