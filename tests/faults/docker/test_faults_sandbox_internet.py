"""What the internet gives to a game in a sandbox, and what not: as in `test_faults_docker_networks.py`, on the other
backend. The engine is needed for the world outside alone.

A hostile game tries every wall; then the same tries are made where the wall is not.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import walls
from tests.faults.docker import outside_world
from tests.faults.docker.network_scene import (
    INTERNET,
    OPEN_WITH_THE_INTERNET,
    PORT,
    SENDER,
    SERVER,
    add_game,
    begin,
    until_counted,
    until_ready,
)

from dillinger_bench.house import House
from dillinger_bench.ledger import family, living
from dillinger_bench.metering import seat_pid
from dillinger_bench.waiting import wait_until
from dillinger_contracts.cell import PYTHON
from dillinger_seat.cell import isolation
from dillinger_seat.cell.way_out import WayOut

OWN_ADDRESS = "10.0.2.100"
"""Every sandbox's, in its own network."""
HELD_BY_WALLS_ALONE = {
    "reach_a_server_of_the_machine", "reach_a_server_of_the_machine_by_udp", "reach_the_metadata_address",
    "reach_a_private_address", "reach_a_private_address_at_the_port_for_names",
}  # fmt: skip
"""What a game would reach without its walls; from the machine's loopback its carrier keeps it too."""
HELD_BY_THE_SANDBOX = {"change_its_network"}
"""The stage before it could, and so could a game that is in the user namespace which the network belongs to."""

pytestmark = pytest.mark.usefixtures("cable")


@pytest.fixture(scope="module")
def sandboxes(pages: Path) -> Iterator[House]:
    found = isolation.probe().internet
    if found is None or not found.is_ok:
        pytest.skip(f"no internet for sandboxes here: {found.problem if found else 'no sandbox'}")
    settings = {"DILLINGER_RUNNER_BACKEND": "process", "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": ""}
    with House(web_dir=pages, settings=settings) as house:
        yield house


@pytest.fixture
def listening(sandboxes: House, tmp_path: Path, explained: list[House]) -> Iterator[str]:
    """A session of a game that has the internet and listens there."""
    explained.append(sandboxes)
    (tmp_path / "server.py").write_text(SERVER)
    add_game(sandboxes, "listens", INTERNET, tmp_path / "server.py", ["nobody", str(PORT)])
    with sandboxes.runner_client() as runner:
        session_id = begin(runner, "listens", "ann")
        until_ready(runner, session_id)
        yield session_id
        runner.call("DELETE", f"/sessions/{session_id}")


def test_what_a_game_sends_is_counted_for_it(sandboxes: House, tmp_path: Path) -> None:
    (tmp_path / "sender.py").write_text(SENDER)
    with outside_world.world("nobody") as places, sandboxes.runner_client() as runner:
        host, port = places["internet"]
        add_game(sandboxes, "sends", INTERNET, tmp_path / "sender.py", [host, str(port)])
        sender = begin(runner, "sends", "ann")
        until_ready(runner, sender)
        assert until_counted(runner, sender)[sender]["memoryBytes"] > 1 << 20
        runner.call("DELETE", f"/sessions/{sender}")


def test_a_game_with_the_internet_reaches_that_and_nothing_else(
    sandboxes: House, listening: str, tmp_path: Path
) -> None:
    with (
        walls.arranged(sandboxes, other=listening, engines=[]) as targets,
        outside_world.world(targets.facts["token"]) as places,
    ):
        facts = targets.facts | {"places": places | {"game": (OWN_ADDRESS, PORT)}}
        folder = add_game(sandboxes, "hostile-internet", INTERNET, walls.GUEST, [])
        (folder / "targets.json").write_text(json.dumps(facts))
        got = walls.through(walls.got_in_a_cell(sandboxes, "hostile-internet"))
        assert got.keys() == OPEN_WITH_THE_INTERNET
        outside = HELD_BY_WALLS_ALONE | HELD_BY_THE_SANDBOX
        (folder / "targets.json").write_text(json.dumps(facts | {"only": sorted(outside), "is_answered": True}))
        open_way = WayOut("table inet none {}")
        try:
            command = open_way.over([PYTHON, "-I", str(folder / "guest.py"), str(folder), str(tmp_path)])
            subprocess.run(
                command, pass_fds=open_way.inherited, check=True, timeout=walls.END_TIMEOUT_S, stdin=subprocess.DEVNULL
            )
        finally:
            open_way.close()
        assert walls.through(json.loads((tmp_path / "result.json").read_text())).keys() == outside


@pytest.mark.parametrize("ends", ["seat", "game"])
def test_nothing_carries_packets_once_the_session_is_over(ends: str, sandboxes: House, listening: str) -> None:
    before = family([seat_pid(listening)])
    assert "slirp4netns" in {process.name() for process in before}
    if ends == "seat":
        os.kill(seat_pid(listening), 9)
    else:
        with sandboxes.runner_client() as runner:
            runner.call("DELETE", f"/sessions/{listening}")
    wait_until(lambda: not living(before), walls.END_TIMEOUT_S, f"the end of {living(before)}")
