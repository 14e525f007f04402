"""What a person really sees, by screenshots: a track's video element, or a canvas where there are no tracks."""

from __future__ import annotations

import io

import av
import pytest

from dillinger_bench.testcard import guest, read
from dillinger_bench.viewer import SHOW_TIMEOUT_S, Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

NO_TRACKS = "delete globalThis.MediaStreamTrackGenerator"
LATE_ELEMENTS = """
    const { get, set } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
    const late = function (stream) { setTimeout(() => set.call(this, stream), 1500); };
    Object.defineProperty(HTMLMediaElement.prototype, "srcObject", { get, set: late });
"""


def card_on_screen(viewer: Viewer) -> read.Reading:
    """The test card as a person sees it; the picture fills the window."""
    png = viewer.page.screenshot()
    with av.open(io.BytesIO(png), mode="r", format="png_pipe") as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgba")
    height, width, _ = pixels.shape
    return read.read(read.Picture(pixels.tobytes(), width, height))


@pytest.mark.parametrize(
    ("script", "renderers"),
    [("", ["track"]), (NO_TRACKS, ["copy_to", "draw_image"]), (LATE_ELEMENTS, ["track"])],
    ids=["track", "canvas", "late_track"],
)
def test_a_person_sees_the_game_and_what_a_key_does(viewer: Viewer, script: str, renderers: list[str]) -> None:
    viewer.page.add_init_script(script)
    viewer.page.reload()
    viewer.play("testcard-idle")
    viewer.choose_transport("websocket")
    wait_until(lambda: card_on_screen(viewer).key_presses == 0, SHOW_TIMEOUT_S, "the card on the screen")
    wait_until(
        lambda: viewer.page.evaluate("dillingerPlayer.renderer") in renderers, SHOW_TIMEOUT_S, f"drawn by {renderers}"
    )
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Space")
    wait_until(lambda: card_on_screen(viewer).key == guest.SPACE, SHOW_TIMEOUT_S, "the key on the screen")
    wait_until(lambda: card_on_screen(viewer).key_flip, SHOW_TIMEOUT_S, "the key's flip on the screen")
