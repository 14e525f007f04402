"""Sessions in containers that come and go in many ways, and a count of all that they could leave behind."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Mapping

from tests import container_engine

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.ledger import take
from dillinger_bench.waiting import wait_until

END_TIMEOUT_S = 90.0
GAMES = ("testcard-light", "testcard-idle", "testcard-motion", "fault-forks", "fault-internet", "fault-lan")

Containers = Callable[[str], dict[str, str]]
Way = Callable[[dict[str, str]], None]
"""What happens to a session, given its containers, before it is stopped."""


def usual_ways(house: House, *, host: str) -> dict[str, Way]:
    """Stopped at any moment, its halves killed, the runner killed."""

    def kill(role: str, there: dict[str, str]) -> None:
        if role in there:
            container_engine.kill(there[role], host=host)

    def kill_runner(there: dict[str, str]) -> None:
        house.kill("runner")
        house.start("runner")

    return {
        "at once": lambda there: None,
        "started": lambda there: None,
        "ready": lambda there: None,
        "kill seat": lambda there: kill("seat", there),
        "kill cell": lambda there: kill("cell", there),
        "kill runner": kill_runner,
    }


def come_and_go(
    rounds: int, house: House, core: CoreClient, containers: Containers, ways: Mapping[str, Way], *, host: str
) -> None:
    """Plays `rounds` sessions, to each of which one of `ways` happens; fails where anything of them is left."""
    chance = random.Random(20)
    names: set[str] = set()
    ids: list[str] = []
    before = count(house, ids, names, host=host)
    most: Counter[str] = Counter()
    for _ in range(rounds):
        session_id = core.play(chance.choice(GAMES))["session_id"]
        ids.append(session_id)
        way = chance.choice(list(ways))
        if way != "at once":
            states = {"starting", "ready", "ended"} if way == "started" else {"ready", "ended"}
            core.wait_state(session_id, states, END_TIMEOUT_S)
        there = containers(session_id)
        names |= set(there.values())
        most |= container_engine.inventory(house.library_dir.parent, host=host) - before
        ways[way](there)
        core.stop(session_id)
        core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)
    last: list[Counter[str]] = []

    def settled() -> bool:
        last[:] = [count(house, ids, names, host=host)]
        return not last[0] - before

    try:
        wait_until(settled, END_TIMEOUT_S, "all counts as before")
    finally:
        print("before", before, "most", most, "after", last)
    assert len(names) >= rounds / 2, "containers were seen at all"
    assert most["volumes"] and most["networks"], "and so were volumes of games' folders, and networks"


def count(house: House, ids: list[str], names: set[str], *, host: str) -> Counter[str]:
    """What is there of the sessions `ids` and the containers `names`; the runner's and core's descriptors come and go
    and are not in it."""
    ledger = take(house, ids)
    found = Counter(
        processes=ledger.processes,
        unix_sockets=ledger.unix_sockets,
        runtime_files=ledger.runtime_files,
        cgroups=_cgroups_of(names),
        mounts=ledger.mounts,
    )
    return found + container_engine.inventory(house.library_dir.parent, host=host)


def _cgroups_of(container_ids: set[str]) -> int:
    """Cgroups that are named after these containers."""
    return sum(
        len([folder for folder in folders if any(name in folder for name in container_ids)])
        for _, folders, _ in os.walk("/sys/fs/cgroup")
    )
