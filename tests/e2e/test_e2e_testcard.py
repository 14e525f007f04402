"""The test card in a real browser, over both transports: picture by pixels, sound by level, input by what it shows."""

from __future__ import annotations

import pytest

from dillinger_bench.testcard import guest
from dillinger_bench.viewer import SHOW_TIMEOUT_S, Viewer
from dillinger_bench.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("transport", ["websocket", "webrtc"])]

KEY_A, KEY_W = 30, 17
COLOUR_TOLERANCE = 20
SOUND_TIMEOUT_S = 30


def play(viewer: Viewer, game_id: str, transport: str) -> None:
    viewer.play(game_id)
    viewer.choose_transport(transport)
    viewer.wait_card(lambda card: card.frame is not None, f"the card over {transport}")
    viewer.by_id("stage").focus()


def test_the_picture_goes_on_and_has_the_right_colours(viewer: Viewer, transport: str) -> None:
    play(viewer, "testcard-light", transport)
    first = viewer.wait_card(lambda card: card.frame is not None, "a frame").frame
    assert first is not None
    card = viewer.wait_card(lambda card: (card.frame or 0) >= first + 60, "sixty frames more")
    assert card.size == (1280, 720)
    for shown, wanted in zip(card.swatches, guest.SWATCHES, strict=True):
        expected = (wanted >> 16, wanted >> 8 & 0xFF, wanted & 0xFF)
        assert all(abs(one - other) <= COLOUR_TOLERANCE for one, other in zip(shown, expected, strict=True)), (
            shown,
            expected,
        )


def test_keys_arrive_and_are_let_go(viewer: Viewer, transport: str) -> None:
    play(viewer, "testcard-idle", transport)
    viewer.page.keyboard.press("Space")
    card = viewer.wait_card(lambda card: card.key_flip, "the key's flip")
    assert (card.key, card.key_presses) == (guest.SPACE, 1)
    viewer.page.keyboard.press("a")
    viewer.wait_card(lambda card: (card.key, card.key_presses, card.keys_held) == (KEY_A, 2, 0), "the key A")
    viewer.page.keyboard.down("w")
    viewer.wait_card(lambda card: (card.key, card.keys_held) == (KEY_W, 1), "the key W held")
    viewer.page.evaluate("window.dispatchEvent(new Event('blur'))")
    viewer.wait_card(lambda card: card.keys_held == 0, "the key W let go when the window lost the focus")


def test_a_held_key_is_let_go_when_the_tab_is_closed(viewer: Viewer, transport: str) -> None:
    play(viewer, "testcard-idle", transport)
    session_id = viewer.session_id
    viewer.page.keyboard.down("w")
    viewer.wait_card(lambda card: card.keys_held == 1, "the key W held")
    page = viewer.page.context.new_page()
    viewer.page.close()
    again = Viewer(page, viewer.target)
    viewer.page = page
    again.open_session(session_id)
    again.wait_card(lambda card: card.keys_held == 0, "the key W let go")


def test_the_mouse_points_clicks_and_turns_its_wheel(viewer: Viewer, transport: str) -> None:
    play(viewer, "testcard-idle", transport)
    for place in ((700, 500), (0, 0), (1279, 719)):
        viewer.point_at(*place)
        viewer.wait_card(
            lambda card, place=place: (  # type: ignore[misc]
                card.pointer is not None and all(abs(a - b) <= 1 for a, b in zip(card.pointer, place, strict=True))
            ),
            f"the pointer at {place}",
        )
    viewer.point_at(700, 500)
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    viewer.wait_card(lambda card: card.button_flip and card.button == 1, "the button's flip")
    viewer.page.mouse.wheel(0, 120)
    viewer.wait_card(lambda card: card.wheel == (0, 1), "a notch down")
    for _ in range(3):
        viewer.page.mouse.wheel(0, -120)
    viewer.wait_card(lambda card: card.wheel == (0, -2), "three notches up")


def test_a_game_that_holds_the_pointer_gets_steps(viewer: Viewer, transport: str) -> None:
    play(viewer, "testcard-grab", transport)
    viewer.point_at(640, 360)
    viewer.click_in_bar("pointer-lock-button")
    wait_until(
        lambda: bool(viewer.page.evaluate("document.pointerLockElement !== null")), SOUND_TIMEOUT_S, "the pointer lock"
    )
    start = viewer.wait_card(lambda card: card.motion is not None, "the sums").motion
    viewer.page.mouse.move(500, 300)
    before = viewer.wait_card(lambda card: card.motion not in (None, start), "a step").motion
    assert before is not None
    viewer.page.mouse.move(600, 280, steps=5)
    expected = (before[0] + 100, before[1] - 20)
    viewer.wait_card(lambda card: card.motion == expected, f"the sums {expected}")


def test_a_beep_is_heard_when_its_key_is_pressed(viewer: Viewer, transport: str) -> None:
    play(viewer, "testcard-idle", transport)
    assert viewer.sound_level() < 0.005
    viewer.page.keyboard.press("b")
    wait_until(lambda: viewer.sound_level() > 0.02, SOUND_TIMEOUT_S, "the beep")
    wait_until(lambda: viewer.sound_level() < 0.005, SOUND_TIMEOUT_S, "silence after the beep")


def test_the_desktop_follows_the_window(viewer: Viewer, transport: str) -> None:
    play(viewer, "testcard-light", transport)
    for window, desktop in (((1600, 900), (1600, 900)), ((1000, 640), (1124, 720)), ((1280, 720), (1280, 720))):
        viewer.page.set_viewport_size({"width": window[0], "height": window[1]})
        # The game may draw its new size while a picture of the old one is still shown.
        wait_until(
            lambda desktop=desktop: (card := viewer.card()) and card.size == desktop == viewer.picture,  # type: ignore[misc]
            SHOW_TIMEOUT_S,
            f"a desktop of {desktop}",
        )
