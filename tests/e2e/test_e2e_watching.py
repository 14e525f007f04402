"""Several people at one game: a second tab, a guest by a link, control asked for, handed over and taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer, new_context
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

TIMEOUT_S = 30.0
expect.set_options(timeout=TIMEOUT_S * 1000)


def role_of(viewer: Viewer) -> str | None:
    return viewer.by_id("stage").get_attribute("data-role")


def press_space(viewer: Viewer) -> None:
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Space")


def presses_of(viewer: Viewer) -> int:
    """How many keys the game has seen go down."""
    return viewer.wait_card(lambda card: card.key_presses is not None, "a count of keys").key_presses or 0


def open_people(viewer: Viewer) -> None:
    """By keyboard, as whoever watches can too."""
    viewer.click_in_bar("people-button")


def wait_role(viewer: Viewer, role: str) -> None:
    wait_until(lambda: role_of(viewer) == role, TIMEOUT_S, f"a page that is the {role}'s")


@pytest.fixture
def stranger(house: House, browser: Browser) -> Iterator[Viewer]:
    """A browser that nobody ever logged in with; a phone."""
    context = new_context(browser, viewport={"width": 844, "height": 390}, has_touch=True, is_mobile=True)
    yield Viewer(context.new_page(), house.target)
    context.close()


def test_a_second_tab_watches_until_it_takes_over(open_viewer: Callable[[], Viewer], house: House) -> None:
    first, second = open_viewer(), open_viewer()
    session_id = first.play("testcard-light")
    wait_role(first, "player")
    second.open_session(session_id)
    expect(second.by_id("who-plays")).to_have_text("You are watching. admin plays.")
    before = presses_of(first)
    press_space(second)
    press_space(first)
    first.wait_card(lambda card: (card.key_presses or 0) > before, "the first tab's key")
    assert presses_of(first) == before + 1, "a watcher's key reached the game"

    first.by_id("stage").focus()
    first.page.keyboard.down("h")
    first.wait_card(lambda card: card.keys_held == 1, "a key that is held")
    second.by_id("take-control").click()
    wait_role(second, "player")
    wait_role(first, "viewer")
    second.wait_card(lambda card: card.keys_held == 0, "the held key let go")
    expect(first.by_id("floor-news")).to_have_text("admin plays now.")
    before = presses_of(second)
    press_space(second)
    second.wait_card(lambda card: card.key_presses == before + 1, "the second tab's key")

    second.page.goto("about:blank")
    wait_role(first, "player")
    with house.client() as client:
        wait_until(lambda: client.session(session_id)["peers"] == 1, TIMEOUT_S, "one peer")


def test_a_guest_watches_by_a_link_asks_plays_and_is_sent_away(viewer: Viewer, stranger: Viewer, house: House) -> None:
    viewer.play("testcard-light")
    wait_role(viewer, "player")
    open_people(viewer)
    viewer.by_id("invite-role").select_option("player")
    viewer.by_id("invite-make").click()
    link = viewer.by_id("invite-link").input_value()
    assert "#" in link

    stranger.page.goto(link)
    stranger.by_id("guest-name").fill("Ben")
    stranger.by_id("guest-enter").tap()
    stranger.wait_picture()
    expect(stranger.by_id("who-plays")).to_have_text("You are watching. admin plays.")
    expect(viewer.by_id("people-panel")).to_contain_text("Ben (guest)")
    expect(viewer.by_id("invitation")).to_contain_text("1 guest here")
    viewer.page.keyboard.press("Escape")

    stranger.by_id("ask-control").tap()
    viewer.by_id("give-control").click()
    wait_role(stranger, "player")
    expect(viewer.by_id("who-plays")).to_have_text("You are watching. Ben (guest) plays.")
    before = presses_of(viewer)
    press_space(stranger)
    viewer.wait_card(lambda card: card.key_presses == before + 1, "the guest's key")
    answer = stranger.page.evaluate("fetch('/api/v1/sessions').then((answer) => answer.status)")
    assert answer == 403, "an invitation opens nothing else"

    open_people(viewer)
    viewer.by_id("invitation-revoke").click()
    expect(stranger.by_id("stream-failed")).to_contain_text("not good")
    viewer.page.keyboard.press("Escape")
    wait_role(viewer, "player")
    stranger.page.reload()
    expect(stranger.by_id("join-page")).to_contain_text("not good")
