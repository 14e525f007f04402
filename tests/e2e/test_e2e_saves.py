"""A player looks after the saves of a game in the page: sees them, takes them along, begins anew, brings them back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_saves.layout import GameSaves

pytestmark = pytest.mark.browser

GAME_ID = "testcard-idle"
WAIT_MS = 60_000
"""Generous: nothing here is measured."""


def test_saves_are_taken_along_reset_and_brought_back(viewer: Viewer, house: House, tmp_path: Path) -> None:
    page = viewer.page
    page.set_default_timeout(WAIT_MS)
    saves = GameSaves.of(house.state_dir / "saves", "admin", GAME_ID)
    with viewer.target.login() as client:
        session_id = client.play(GAME_ID)["session_id"]
        client.wait_state(session_id, {"ready"})
        page.goto(f"{viewer.target.core_url}/")
        viewer.card_of(GAME_ID).get_by_test_id("game-saves").click()
        expect(viewer.by_id("saves-played")).to_be_visible(timeout=WAIT_MS)
        expect(viewer.by_id("reset-everything")).to_be_disabled()
        client.stop(session_id)
        client.wait_state(session_id, {"ended"})
    (saves.home / "level").write_text("5" * 5_000_000)
    (saves.changes / "notes.txt").write_text("changed by its player")
    page.reload()
    expect(viewer.by_id("saves-played")).to_have_count(0, timeout=WAIT_MS)
    with page.expect_download() as download:
        viewer.by_id("saves-export").click()
    assert download.value.suggested_filename == f"{GAME_ID}-saves.zip"
    archive = tmp_path / "saves.zip"
    download.value.save_as(archive)
    viewer.by_id("reset-game-folder").click()
    viewer.by_id("ask-no").click()
    viewer.by_id("reset-everything").click()
    viewer.by_id("ask-yes").click()
    expect(viewer.by_id("reset-game-folder")).to_have_count(0, timeout=WAIT_MS)
    assert not (saves.home / "level").exists() and list(saves.changes.iterdir()) == []
    viewer.by_id("saves-file").set_input_files(archive)
    viewer.by_id("ask-yes").click()
    expect(viewer.by_id("saves-restored")).to_be_visible(timeout=WAIT_MS)
    assert len((saves.home / "level").read_text()) == 5_000_000
    assert (saves.changes / "notes.txt").read_text() == "changed by its player"
    wrong = tmp_path / "holiday.zip"
    wrong.write_bytes(b"no archive")
    viewer.by_id("saves-file").set_input_files(wrong)
    viewer.by_id("ask-yes").click()
    expect(viewer.by_id("error-box")).to_contain_text("no whole archive", timeout=WAIT_MS)
    assert (saves.home / "level").exists()
