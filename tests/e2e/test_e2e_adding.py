"""A game that lies in a folder of the server is added in the page, played, edited and removed."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer

pytestmark = pytest.mark.browser

GAME_ID = "moving-card"
WAIT_MS = 60_000
"""Generous: nothing here is measured."""


def test_a_folder_is_added_played_edited_and_removed(viewer: Viewer, house: House) -> None:
    folder = house.state_dir / "import/Moving_Card-1.2"
    folder.mkdir(parents=True)
    shutil.copy(house.library_dir / "testcard/testcard.py", folder / "card.dat")
    (folder / "start.sh").write_text('#!/bin/sh\nexec /usr/bin/python3 -I card.dat "$@"\n')
    page = viewer.page
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{viewer.target.core_url}/games/add")
    page.get_by_label("Choose Moving_Card-1.2").click()
    viewer.by_id("field-words").fill("--mode light")
    viewer.by_id("field-title").fill("")
    viewer.by_id("game-submit").click()
    expect(viewer.by_id("field-fault")).to_have_text("This can’t be empty.", timeout=WAIT_MS)
    expect(viewer.by_id("field-title")).to_be_focused(timeout=WAIT_MS)
    viewer.by_id("field-title").fill("Moving Card")
    viewer.by_id("game-submit").click()
    viewer.by_id("to-library").click()
    viewer.play(GAME_ID, WAIT_MS / 1000)
    viewer.wait_card(lambda card: card.frame is not None, "the game's picture", WAIT_MS / 1000)
    with viewer.target.login() as client:
        client.stop(viewer.session_id)
        client.wait_state(viewer.session_id, {"ended"})
    page.goto(f"{viewer.target.core_url}/games/{GAME_ID}/edit")
    expect(viewer.by_id("field-words")).to_have_value("--mode light", timeout=WAIT_MS)
    viewer.by_id("field-title").fill("Standing Card")
    viewer.by_id("network-select").select_option("lan")
    viewer.by_id("field-lanName").fill("Friday!")
    viewer.by_id("game-submit").click()
    expect(viewer.by_id("field-lanName")).to_be_focused(timeout=WAIT_MS)
    expect(viewer.by_id("field-fault")).to_contain_text("doom-night", timeout=WAIT_MS)
    viewer.by_id("field-lanName").fill("friday")
    viewer.by_id("game-submit").click()
    expect(viewer.card_of(GAME_ID)).to_contain_text("Standing Card", timeout=WAIT_MS)
    assert '[network]\nkind = "lan"\nname = "friday"' in (house.library_dir / GAME_ID / "game.toml").read_text()
    page.goto(f"{viewer.target.core_url}/games/{GAME_ID}/edit")
    expect(viewer.by_id("field-lanName")).to_have_value("friday", timeout=WAIT_MS)
    viewer.by_id("remove-game").click()
    viewer.by_id("remove-confirm").click()
    viewer.by_id("library").wait_for()
    expect(viewer.card_of(GAME_ID)).to_have_count(0, timeout=WAIT_MS)
    assert not (house.library_dir / GAME_ID).exists() and folder.is_dir()
