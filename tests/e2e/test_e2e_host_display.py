"""A click on "Play at the machine": the card shows on the machine's display, the page says so and ends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apps.seat.tests.host_display import HostDisplay
from playwright.sync_api import Browser

from dillinger_bench.house import House
from dillinger_bench.testcard.install import VARIANTS
from dillinger_bench.viewer import Viewer, new_context
from dillinger_bench.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.full]
CARD = "testcard-light"
KEY_A = 30


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostDisplay]:
    display = HostDisplay(tmp_path)
    yield display
    display.close()


@pytest.fixture
def manned_house(web_dir: Path, host: HostDisplay, explained: list[House]) -> Iterator[House]:
    """A house on a machine with a display that it may use."""
    settings = {
        "DILLINGER_RUNNER_HOST_DISPLAY": f":{host.number}",
        "DILLINGER_RUNNER_HOST_AUTHORITY": str(host.authority),
    }
    cards = [variant for variant in VARIANTS if variant.game_id == CARD]
    with House(web_dir=web_dir, variants=cards, settings=settings) as house:
        explained.append(house)
        yield house


def test_a_click_brings_the_game_to_the_machine_s_display_and_stop_takes_it_away(
    manned_house: House, host: HostDisplay, browser: Browser
) -> None:
    viewer = Viewer(new_context(browser).new_page(), manned_house.target)
    viewer.login()
    viewer.card_of(CARD).hover()
    viewer.card_of(CARD).get_by_test_id("play-here").click()
    viewer.by_id("here").wait_for()
    assert viewer.page.locator("canvas").count() == 0, "nothing is streamed"

    def shows(fact: Any) -> Any:
        return wait_until(lambda: fact(host.card()), 30, "the card on the machine's display")

    shows(lambda card: card.size == (1280, 720))
    host.hands.key(KEY_A, is_down=True)
    shows(lambda card: (card.key, card.keys_held) == (KEY_A, 1))
    with manned_house.client() as client:
        [view] = client.sessions()
        assert (view["show"], view["state"], view["peers"]) == ("host", "streaming", 1)
    viewer.by_id("stop-game").click()
    viewer.by_id("stop-confirm").click()
    viewer.by_id("end-page").wait_for()
    assert viewer.by_id("end-page").get_attribute("data-reason") == "user_stop"
    shows(lambda card: card.frame is None)
    viewer.page.context.close()
