"""A real game: chocolate-doom with freedoom is seen, heard and played."""

from __future__ import annotations

import pytest

from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

GAME_ID = "io.github.freedoom.phase1"
GRID = [(80 * column, 80 * row, 40, 40) for column in range(8) for row in range(6)]
"""Small boxes over a 640x480 desktop."""


def picture(viewer: Viewer) -> list[list[float]]:
    return viewer.means(*GRID)


def distance(one: list[list[float]], other: list[list[float]]) -> float:
    """Mean difference of all channels."""
    pairs = [(a, b) for box, twin in zip(one, other, strict=True) for a, b in zip(box, twin, strict=True)]
    return sum(abs(a - b) for a, b in pairs) / len(pairs)


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_doom_is_seen_heard_and_played(viewer: Viewer, transport: str) -> None:
    viewer.play(GAME_ID)
    viewer.choose_transport(transport)
    viewer.by_id("stage").focus()
    wait_until(lambda: max(map(max, picture(viewer))) > 40, 20, "a picture that is not black")
    title = picture(viewer)
    wait_until(lambda: viewer.sound_level() > 0.001, 20, "Doom's music")
    viewer.page.keyboard.press("Escape", delay=60)
    wait_until(lambda: distance(picture(viewer), title) > 2, 10, "Doom's menu")
    # New game, episode, skill: three times Enter, then the game is on and answers to a shot.
    for _ in range(3):
        before = picture(viewer)
        viewer.page.keyboard.press("Enter", delay=60)
        wait_until(lambda before=before: distance(picture(viewer), before) > 2, 10, "the next menu")  # type: ignore[misc]
    in_game = picture(viewer)
    viewer.page.keyboard.down("ArrowLeft")
    wait_until(lambda: distance(picture(viewer), in_game) > 3, 10, "the player turned")
    viewer.page.keyboard.up("ArrowLeft")
    viewer.page.keyboard.press("Control", delay=60)
    wait_until(lambda: viewer.sound_level() > 0.001, 10, "the shot")
    wait_until(lambda: clicked_into_lock(viewer), 10, "the mouse, which the game has taken")


def clicked_into_lock(viewer: Viewer) -> bool:
    """The seat looks twice a second whether a game has taken the pointer; from then on a click locks it."""
    viewer.page.mouse.click(640, 300)
    return bool(viewer.page.evaluate("document.pointerLockElement !== null"))
