"""A hostile game in a sandbox gets through no wall; the same program outside gets through those that a user can."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.faults import walls

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House


def test_a_hostile_game_gets_nowhere(house: House, core: CoreClient, tmp_path: Path) -> None:
    other = core.play("testcard-light")["session_id"]
    core.wait_state(other, {"ready"}, walls.END_TIMEOUT_S)
    with walls.arranged(house, other=other, engines=[]) as targets:
        assert walls.through(walls.got_in_a_cell(house)) == {}
        down = targets.facts | targets.facts["down"]
        (targets.folder / "targets.json").write_text(json.dumps(down))
        command = [sys.executable, "-I", str(walls.GUEST), str(targets.folder), str(tmp_path)]
        subprocess.run(command, check=True, timeout=walls.END_TIMEOUT_S)
    outside = walls.through(walls.result(tmp_path))
    assert outside.keys() >= walls.BY_ANY_USER, walls.BY_ANY_USER - outside.keys()
