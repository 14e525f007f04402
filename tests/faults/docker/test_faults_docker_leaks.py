"""Sessions in containers come and go in every way, and nothing of them is left: counted before and after."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import container_engine
from tests.faults.docker.engine_cable import EngineCable

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.ledger import take
from dillinger_bench.waiting import wait_until

END_TIMEOUT_S = 90.0
GAMES = ("testcard-light", "testcard-idle", "testcard-motion", "fault-forks", "fault-internet", "fault-lan")

Containers = Callable[[str], dict[str, str]]


def mounts_of(house: House) -> int:
    """Mounts of the machine that name the house's folders."""
    return sum(str(house.root) in line for line in Path("/proc/self/mountinfo").read_text().splitlines())


def count(house: House, ids: list[str], names: set[str]) -> Counter[str]:
    """All that sessions could leave behind; the runner's and core's descriptors come and go and are not in it."""
    ledger = take(house, ids)
    found = Counter(
        processes=ledger.processes,
        unix_sockets=ledger.unix_sockets,
        runtime_files=ledger.runtime_files,
        cgroups=cgroups_of(names),
        mounts=mounts_of(house),
    )
    return found + container_engine.inventory(house.library_dir.parent)


def cgroups_of(container_ids: set[str]) -> int:
    """Cgroups that are named after these containers."""
    return sum(
        len([folder for folder in folders if any(name in folder for name in container_ids)])
        for _, folders, _ in os.walk("/sys/fs/cgroup")
    )


def test_sessions_leave_nothing_behind(
    rounds: int, house: House, core: CoreClient, cable: EngineCable, containers: Containers
) -> None:
    """Stopped at any moment, their halves killed, the runner killed, the engine cut off."""
    chance = random.Random(20)
    names: set[str] = set()
    ids: list[str] = []
    before = count(house, ids, names)
    most: Counter[str] = Counter()
    for _ in range(rounds):
        session_id = core.play(chance.choice(GAMES))["session_id"]
        ids.append(session_id)
        way = chance.choice(("at once", "started", "ready", "kill seat", "kill cell", "kill runner", "cut"))
        if way != "at once":
            states = {"starting", "ready", "ended"} if way == "started" else {"ready", "ended"}
            core.wait_state(session_id, states, END_TIMEOUT_S)
        there = containers(session_id)
        names |= set(there.values())
        most |= container_engine.inventory(house.library_dir.parent) - before
        act(way, there, house, cable)
        core.stop(session_id)
        core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)
    last: list[Counter[str]] = []

    def settled() -> bool:
        last[:] = [count(house, ids, names)]
        return not last[0] - before

    try:
        wait_until(settled, END_TIMEOUT_S, "all counts as before")
    finally:
        print("before", before, "most", most, "after", last)
    assert len(names) >= rounds / 2, "containers were seen at all"
    assert most["volumes"] and most["networks"], "and so were volumes of games' folders, and networks"


def act(way: str, there: dict[str, str], house: House, cable: EngineCable) -> None:
    """What happens to the session before it is stopped."""
    role = way.removeprefix("kill ")
    if role in there:
        container_engine.kill(there[role])
    elif way == "kill runner":
        house.kill("runner")
        house.start("runner")
    elif way == "cut":
        cable.cut()
        cable.mend()


@pytest.fixture(params=[20, pytest.param(200, marks=pytest.mark.full)])
def rounds(request: pytest.FixtureRequest) -> int:
    """How many sessions."""
    number: int = request.param
    return number
