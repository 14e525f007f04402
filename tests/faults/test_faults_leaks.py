"""Sessions come and go, and nothing is left of them: counted before and after."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.ledger import Ledger, take
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.waiting import wait_until

WARM_UP = 2
SETTLE_TIMEOUT_S = 20.0


def live_once(core: CoreClient, *, number: int) -> str:
    """One session, from Play to stop; each second one is watched for a while."""
    session_id: str = core.play("testcard-light")["session_id"]
    core.wait_state(session_id, {"ready"})
    if number % 2:
        with StreamClient(core, session_id) as viewer:
            viewer.hello(core.ticket(session_id))
            viewer.wait_pictures(3)
    core.stop(session_id)
    core.wait_state(session_id, {"ended"})
    return session_id


@pytest.mark.parametrize("count", [8, pytest.param(100, marks=pytest.mark.full)])
def test_sessions_leave_nothing_behind(count: int, house: House, core: CoreClient) -> None:
    ids = [live_once(core, number=number) for number in range(WARM_UP)]
    before = take(house, ids)
    ids += [live_once(core, number=number) for number in range(count)]
    last: list[Ledger] = []

    def settled() -> bool:
        last[:] = [take(house, ids)]
        return not last[0].more_than(before)

    try:
        wait_until(settled, SETTLE_TIMEOUT_S, "all counts as before")
    finally:
        print("before", asdict(before))
        print("after ", asdict(last[0]))
    assert last[0].cgroups == 0 and last[0].unix_sockets == 0 and last[0].runtime_files == 0
