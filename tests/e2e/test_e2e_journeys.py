"""What happens to a person who plays: reload, a lost network, quitting, a crash, two tabs, two clicks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from dillinger_bench.cable import Cable
from dillinger_bench.house import House
from dillinger_bench.testcard import guest
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

KEY_BACKSPACE, KEY_I, KEY_ENTER, KEY_H = 14, 23, 28, 35
OFFLINE_S = 10.0
RECONNECT_TIMEOUT_S = 30.0
KEEPS_STEPS = """
    window.keptSteps = "";
    new MutationObserver(() => {
      const steps = document.querySelector("[data-testid=start-steps]");
      if (steps) window.keptSteps = steps.innerText;
    }).observe(document, { childList: true, subtree: true });
"""
"""A start may be over before anybody looks."""


def frame_of(viewer: Viewer) -> int:
    frame = viewer.wait_card(lambda card: card.frame is not None, "a frame").frame
    assert frame is not None
    return frame


def live_sessions(house: House) -> list[str]:
    with house.client() as client:
        return [view["session_id"] for view in client.sessions() if view["state"] != "ended"]


def test_play_shows_the_steps_of_the_start_then_the_game(viewer: Viewer) -> None:
    viewer.page.add_init_script(KEEPS_STEPS)
    viewer.play("testcard-light")
    assert viewer.page.evaluate("window.keptSteps").splitlines(), "a start without a word"
    with viewer.target.login() as client:
        steps = client.session(viewer.session_id)["steps"]
    assert {"cell", "display", "game", "stream", "window"} <= {step["name"] for step in steps}
    assert all(step["duration_ms"] >= 0 for step in steps)


def test_a_reload_finds_the_game_where_it_was(viewer: Viewer, house: House) -> None:
    session_id = viewer.play("testcard-light")
    before = frame_of(viewer)
    viewer.page.reload()
    viewer.wait_picture()
    assert viewer.session_id == session_id
    after = frame_of(viewer)
    assert after > before
    assert live_sessions(house) == [session_id]


def test_a_network_that_is_away_for_ten_seconds_does_not_end_the_game(
    open_viewer: Callable[[], Viewer], house: House
) -> None:
    with Cable(house.ports["core"]) as cable:
        viewer = open_viewer()
        viewer.target = replace(viewer.target, core_url=f"http://127.0.0.1:{cable.port}")
        session_id = viewer.play("testcard-light")
        viewer.choose_transport("websocket")
        before = frame_of(viewer)
        cable.pull()
        pulled_at = time.monotonic()
        viewer.by_id("reconnecting").wait_for()
        wait_until(lambda: time.monotonic() - pulled_at >= OFFLINE_S, OFFLINE_S + 5, "ten seconds")
        cable.plug()
        # A frame of after the cut: sixty a second were drawn while nobody could see them.
        viewer.wait_card(
            lambda card: (card.frame or 0) > before + 300, "the game where it is by now", RECONNECT_TIMEOUT_S
        )
        viewer.by_id("reconnecting").wait_for(state="hidden")
        assert viewer.session_id == session_id
        viewer.page.keyboard.press("Space")
        viewer.wait_card(lambda card: card.key_flip, "a key after the cut")


def test_a_page_whose_worker_is_not_loaded_says_so_and_plays_when_tried_again(viewer: Viewer) -> None:
    viewer.page.route("**/assets/worker-*.js", lambda route: route.abort())
    viewer.click_play("testcard-idle")
    failed = viewer.by_id("stream-failed")
    failed.wait_for()
    viewer.page.unroute("**/assets/worker-*.js")
    failed.get_by_role("button", name="Try again").click()
    viewer.wait_picture()


def test_quitting_inside_the_game_ends_on_a_page_that_offers_to_play_again(viewer: Viewer) -> None:
    first = viewer.play("testcard-idle")
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("q")
    assert viewer.wait_end() == "game_exited"
    viewer.by_id("play-again").click()
    wait_until(lambda: viewer.session_id not in ("", first), 10, "a new session")
    viewer.wait_picture()


def test_a_crash_is_told_with_the_last_lines_of_the_log(viewer: Viewer) -> None:
    viewer.play("testcard-idle")
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("k")
    assert viewer.wait_end() == "game_crashed"
    assert "SIGSEGV" in viewer.by_id("end-page").inner_text()
    log = viewer.by_id("end-log")
    if not log.is_visible():
        viewer.page.locator("details summary").first.click()
    assert "crash on request" in log.inner_text()


def test_an_exit_code_is_told(viewer: Viewer) -> None:
    viewer.play("testcard-idle")
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("n")
    assert viewer.wait_end() == "game_crashed"
    assert "3" in viewer.by_id("end-exit-code").inner_text()


def test_stop_in_the_overlay_ends_the_game(viewer: Viewer, house: House) -> None:
    viewer.play("testcard-light")
    viewer.click_in_bar("stop-game")
    viewer.by_id("stop-confirm").click()
    assert viewer.wait_end() == "user_stop"
    wait_until(lambda: live_sessions(house) == [], 10, "no session")


def test_two_clicks_on_play_at_once_start_one_session(viewer: Viewer, house: House) -> None:
    viewer.page.goto(f"{house.core_url}/")
    viewer.card_of("testcard-light").get_by_test_id("play-button").dblclick()
    viewer.wait_picture()
    assert live_sessions(house) == [viewer.session_id]


def test_the_wrong_password_is_refused_on_the_page(open_viewer: Callable[[], Viewer], house: House) -> None:
    viewer = open_viewer()
    viewer.page.context.clear_cookies()
    viewer.page.goto(f"{house.core_url}/")
    viewer.by_id("login-name").fill("admin")
    viewer.by_id("login-password").fill("not this one")
    viewer.by_id("login-submit").click()
    viewer.by_id("login-error").wait_for()
    assert viewer.by_id("library").count() == 0


def test_the_card_s_keys_are_what_this_file_presses() -> None:
    assert (guest.KEY_Q, guest.KEY_N, guest.KEY_K, guest.SPACE) == (16, 49, 37, 57)


def test_the_picture_moves_on_while_the_runner_is_killed_and_started_again(viewer: Viewer, house: House) -> None:
    session_id = viewer.play("testcard-light")
    before = frame_of(viewer)
    house.kill("runner")
    away = viewer.wait_card(lambda card: (card.frame or 0) > before + 120, "two seconds more without a runner").frame
    house.start("runner")
    assert away is not None
    viewer.wait_card(lambda card: (card.frame or 0) > away + 120, "two seconds more with the new runner")
    with house.client() as client:
        client.wait_state(session_id, {"streaming"})
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Space")
    viewer.wait_card(lambda card: card.key_flip, "a key after it")


def test_a_phone_types_with_its_own_keyboard(open_viewer: Callable[..., Viewer]) -> None:
    phone = open_viewer(viewport={"width": 844, "height": 390}, has_touch=True, is_mobile=True)
    phone.play("testcard-idle")
    phone.wait_card(lambda card: card.frame is not None, "the card")

    def opens_keyboard() -> bool:
        """A tap at the edge brings the bar, which hides again."""
        phone.page.touchscreen.tap(422, 2)
        with contextlib.suppress(PlaywrightTimeout):
            phone.by_id("type-button").tap(timeout=2000)
            return True
        return False

    wait_until(opens_keyboard, 60, "a tap on the keyboard's button")
    phone.page.keyboard.insert_text("h")
    phone.wait_card(lambda card: (card.key, card.key_presses, card.keys_held) == (KEY_H, 1, 0), "the letter h")
    phone.page.keyboard.insert_text("I")
    phone.wait_card(
        lambda card: (card.key, card.key_presses, card.keys_held) == (KEY_I, 3, 0), "Shift and the letter i"
    )
    phone.page.keyboard.press("Backspace")
    card = phone.wait_card(lambda card: (card.key, card.key_presses) == (KEY_BACKSPACE, 4), "what was typed erased")
    before = card.button_flip  # the tap that brought the bar was one on the game, too
    phone.page.touchscreen.tap(422, 200)
    phone.wait_card(lambda card: card.button_flip != before, "a tap on the game")
    phone.page.keyboard.press("Enter")
    phone.wait_card(lambda card: (card.key, card.key_presses) == (KEY_ENTER, 5), "Enter, typed on")
