"""Sessions in containers come and go in every way, and nothing of them is left: counted before and after."""

from __future__ import annotations

from tests import container_engine
from tests.faults.docker.engine_cable import EngineCable
from tests.faults.docker.leftovers import Containers, come_and_go, usual_ways

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House


def test_sessions_leave_nothing_behind(
    house: House, core: CoreClient, cable: EngineCable, containers: Containers
) -> None:
    def cut(there: dict[str, str]) -> None:
        cable.cut()
        cable.mend()

    host = container_engine.HOST
    come_and_go(20, house, core, containers, usual_ways(house, host=host) | {"cut": cut}, host=host)
