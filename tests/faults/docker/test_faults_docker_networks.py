"""What networks give to games, and what not: to the internet but not to the machine, to their own LAN and no further.

A hostile game tries every wall from within each kind of network; then the same tries are made where the wall is not.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import container_engine
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
from dillinger_bench.waiting import wait_until
from dillinger_runner.backends.docker_spec import container_name

LAN, OTHER_LAN = 'kind = "lan"\nname = "one"', 'kind = "lan"\nname = "two"'
OPEN_IN_A_LAN = {"reach_a_game_of_its_lan"}
HELD_BY_WALLS_ALONE = {
    "reach_a_server_of_the_machine", "reach_a_server_of_the_machine_by_udp", "reach_the_machine_past_the_routes",
    "reach_the_machine_on_the_link", "reach_the_metadata_address", "reach_a_private_address",
    "reach_a_private_address_at_the_port_for_names",
}  # fmt: skip
"""What a game with the internet would reach without its walls."""


pytestmark = pytest.mark.usefixtures("cable")


@dataclass(frozen=True)
class Scene:
    """Hostile games of each network, and what they may try to reach."""

    house: House
    targets: walls.Targets
    listening: dict[str, str]
    """Kind of network → a session whose game listens there."""
    alone: str
    """A session whose game has no network."""

    def got(self, kind: str) -> dict[str, str]:
        """What a hostile game of that network gets through to."""
        return walls.through(walls.got_in_a_cell(self.house, f"hostile-{kind}"))

    def got_without_walls(self, network: str, tries: set[str], folder: Path) -> dict[str, str]:
        """What the same program gets through to in a container of this network mode."""
        facts = self.targets.facts | self.targets.facts["down"] | {"only": sorted(tries)}
        (self.targets.folder / "targets.json").write_text(json.dumps(facts))
        command = ["/usr/bin/python3", "-I", str(self.targets.folder / walls.GUEST.name)]
        container_engine.run_without_walls(
            [*command, str(self.targets.folder), str(folder)], folders=[self.house.root, folder], network=network
        )
        return walls.through(json.loads((folder / "result.json").read_text()))


@pytest.fixture(scope="module")
def scene(lasting_house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    house, kinds = lasting_house, {"internet": INTERNET, "lan": LAN, "other-lan": OTHER_LAN}
    server = tmp_path_factory.mktemp("server") / "server.py"
    server.write_text(SERVER)
    with house.client() as core, house.runner_client() as runner, contextlib.ExitStack() as stack:
        other = core.play("testcard-light")["session_id"]
        until_ready(runner, other)
        targets = stack.enter_context(walls.arranged(house, other=other, engines=[]))
        token = targets.facts["token"]
        places = stack.enter_context(outside_world.world(token))
        listening = {}
        for kind, network in kinds.items():
            add_game(house, f"listens-{kind}", network, server, [token, str(PORT)])
            listening[kind] = begin(runner, f"listens-{kind}", "ann")
        for session_id in listening.values():
            until_ready(runner, session_id)
        found = {
            "game": container_engine.address(listening["internet"], "net"),
            "lan": container_engine.address(listening["lan"], "cell"),
            "other_lan": container_engine.address(listening["other-lan"], "cell"),
        }
        facts = targets.facts | {"places": places | {name: (host, PORT) for name, host in found.items()}}
        for kind in ("internet", "lan"):
            folder = add_game(house, f"hostile-{kind}", kinds[kind], walls.GUEST, [])
            (folder / "targets.json").write_text(json.dumps(facts))
        yield Scene(house, walls.Targets(targets.folder, facts), listening, other)
        for session_id in (*listening.values(), other):
            runner.call("DELETE", f"/sessions/{session_id}")


def test_a_game_with_the_internet_reaches_that_and_nothing_else(scene: Scene) -> None:
    assert scene.got("internet").keys() == OPEN_WITH_THE_INTERNET


def test_a_game_in_a_lan_reaches_its_fellows_and_nothing_else(scene: Scene) -> None:
    assert scene.got("lan").keys() == OPEN_IN_A_LAN


def test_what_a_game_sends_is_counted_for_it(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "sender.py").write_text(SENDER)
    host = container_engine.address(scene.listening["lan"], "cell")
    add_game(scene.house, "sends", LAN, tmp_path / "sender.py", [host, str(PORT)])
    with scene.house.runner_client() as runner:
        sender = begin(runner, "sends", "ann")
        until_ready(runner, sender)
        counted = until_counted(runner, sender, scene.listening["lan"])  # and for the game that got it
        assert counted[sender]["memoryBytes"] > 1 << 20
        assert counted[scene.alone]["gameNetworkBytes"] == 0, "it has none"
        page = runner.http.get("/metrics").text
        assert f'dillinger_session_network_bytes{{game_id="sends",session_id="{sender}"}}' in page
        runner.call("DELETE", f"/sessions/{sender}")


def test_each_try_succeeds_where_its_wall_is_down(scene: Scene, tmp_path: Path) -> None:
    """The very network of a session that has the internet, its walls taken down; and the other LAN from within."""
    holder = container_name(scene.listening["internet"], "net")
    container_engine.run_without_walls(
        ["nft", "flush", "ruleset"], folders=[], network=f"container:{holder}", image_name="seat"
    )
    got = scene.got_without_walls(f"container:{holder}", HELD_BY_WALLS_ALONE | {"reach_another_game"}, tmp_path)
    assert got.keys() == HELD_BY_WALLS_ALONE | {"reach_another_game"}
    cell = container_name(scene.listening["other-lan"], "cell")
    assert scene.got_without_walls(f"container:{cell}", {"reach_a_game_of_another_lan"}, tmp_path)


def test_networks_go_with_their_games(scene: Scene) -> None:
    state_dir = scene.house.state_dir
    assert len(container_engine.networks(state_dir)) == len(scene.listening)
    with scene.house.runner_client() as runner:
        for session_id in scene.listening.values():
            runner.call("DELETE", f"/sessions/{session_id}")
    wait_until(lambda: not container_engine.networks(state_dir), walls.END_TIMEOUT_S, "no network left")
