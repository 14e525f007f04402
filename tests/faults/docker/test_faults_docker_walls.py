"""A hostile game in a container gets through no wall; with all walls down, the same program gets through each."""

from __future__ import annotations

import json
from pathlib import Path

from tests import container_engine
from tests.faults import walls

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House


def test_a_hostile_game_gets_nowhere(house: House, core: CoreClient, tmp_path: Path) -> None:
    other = core.play("testcard-light")["session_id"]
    core.wait_state(other, {"ready"}, walls.END_TIMEOUT_S)
    socket_path = container_engine.HOST.removeprefix("unix://")
    with walls.arranged(house, other=other, engines=[socket_path]) as targets:
        assert walls.through(walls.got_in_a_cell(house)) == {}
        walls.let_make_namespaces(targets)
        walls.assert_only_in_its_own(walls.got_in_a_cell(house))
        down = targets.facts | targets.facts["down"] | {"may_mount": True}
        (targets.folder / "targets.json").write_text(json.dumps(down))
        container_engine.run_without_walls(
            ["/usr/bin/python3", "-I", str(targets.folder / walls.GUEST.name), str(targets.folder), str(tmp_path)],
            folders=[house.root, tmp_path, Path(socket_path).parent],
        )
    got = walls.result(tmp_path)
    closed = walls.CLOSED_BY_THE_KERNEL | walls.NEEDS_A_NETWORK | walls.BEYOND_THIS_MACHINE
    assert {name for name, found in got.items() if found is None} <= closed, got
    assert got.keys() >= walls.MOUNTS
