"""A hostile game in a sandbox gets through no wall; the same program outside gets through those that a user can."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults import walls

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House

BROWSER = Path("/usr/lib/chromium/chromium")
BROWSER_TOML = """
schema = 1
title = "A browser in a cell"
user_namespaces = {is_allowed}
[launch]
kind = "native"
command = ["{browser}", "--headless=new", "--disable-gpu", "--no-first-run", "--user-data-dir=/home/player/profile",
           "--dump-dom", "data:text/html,<p>in its own sand<!-- -->box</p>"]
[display]
needs_window = false
"""


@pytest.mark.full
@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_program_with_a_sandbox_of_its_own_makes_it_where_the_game_may(is_allowed: bool, house: House) -> None:
    """Chromium refuses to start where it can't lock its own processes in."""
    folder = house.library_dir / f"browser-{is_allowed}".lower()
    folder.mkdir(exist_ok=True)
    (folder / "game.toml").write_text(BROWSER_TOML.format(browser=BROWSER, is_allowed=f"{is_allowed}".lower()))
    end = walls.end_of(house, folder.name)
    said = " ".join(end["logTail"])
    if is_allowed:
        assert end["reason"] == "game_exited" and "<p>in its own sand" in said, end
    else:
        assert end["reason"] == "game_crashed" and "No usable sandbox" in said, end


def test_a_hostile_game_gets_nowhere(house: House, core: CoreClient, tmp_path: Path) -> None:
    other = core.play("testcard-light")["session_id"]
    core.wait_state(other, {"ready"}, walls.END_TIMEOUT_S)
    with walls.arranged(house, other=other, engines=[]) as targets:
        assert walls.through(walls.got_in_a_cell(house)) == {}
        walls.let_make_namespaces(targets)
        walls.assert_only_in_its_own(walls.got_in_a_cell(house))
        down = targets.facts | targets.facts["down"]
        (targets.folder / "targets.json").write_text(json.dumps(down))
        command = [sys.executable, "-I", str(walls.GUEST), str(targets.folder), str(tmp_path)]
        subprocess.run(command, check=True, timeout=walls.END_TIMEOUT_S)
    outside = walls.through(walls.result(tmp_path))
    assert outside.keys() >= walls.BY_ANY_USER, walls.BY_ANY_USER - outside.keys()
