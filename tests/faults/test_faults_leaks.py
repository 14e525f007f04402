"""Sessions come, go and are killed in every way, and nothing is left of them: counted before and after."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict

import pytest

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.ledger import Ledger, take
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.waiting import wait_until

WARM_UP = 2
SETTLE_TIMEOUT_S = 60.0
WAYS = ("at once", "ready", "watched", "kill seat", "kill Xvfb", "kill runner")

Kill = Callable[[str, str], None]


def live_once(way: str, house: House, core: CoreClient, kill: Kill) -> str:
    """One session, from Play to its end."""
    session_id: str = core.play("testcard-light")["session_id"]
    if way != "at once":
        view = core.wait_state(session_id, {"ready", "ended"})
        if view["state"] == "ended":  # on a machine that has much else to do; of it nothing may stay either
            assert view["end"]["reason"] == "start_timeout", view["end"]
            return session_id
    if way == "watched":
        with StreamClient(core, session_id) as viewer:
            viewer.hello(core.ticket(session_id))
            viewer.wait_pictures(3)
    elif way == "kill runner":
        house.kill("runner")
        house.start("runner")
    elif way.startswith("kill "):
        kill(session_id, way.removeprefix("kill "))
    core.stop(session_id)
    core.wait_state(session_id, {"ended"})
    return session_id


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.full)])
def test_sessions_leave_nothing_behind(count: int, house: House, core: CoreClient, kill: Kill) -> None:
    chance = random.Random(20)
    ids = [live_once("watched", house, core, kill) for _ in range(WARM_UP)]
    before = take(house, ids)
    ids += [live_once(chance.choice(WAYS), house, core, kill) for _ in range(count)]
    last: list[Ledger] = []

    def settled() -> bool:
        last[:] = [take(house, ids)]
        return not last[0].more_than(before)

    try:
        wait_until(settled, SETTLE_TIMEOUT_S, "all counts as before")
    finally:
        print("before", asdict(before))
        print("after ", asdict(last[0]))
    left = last[0]
    assert left.cgroups == left.unix_sockets == left.runtime_files == left.mounts == 0
