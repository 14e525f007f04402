"""The container engine itself is restarted or killed: what ran in it ends honestly or goes on, and games run again."""

from __future__ import annotations

import contextlib
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests import container_engine
from tests.faults.docker import own_engine
from tests.faults.docker.container_house import container_house
from tests.faults.docker.leftovers import END_TIMEOUT_S, Containers, come_and_go, count, usual_ways
from tests.faults.docker.own_engine import OwnEngine
from tests.faults.docker.test_faults_docker import start, watch

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.waiting import wait_until
from dillinger_contracts import Unavailable
from dillinger_runner.backends.docker_spec import Role

pytestmark = pytest.mark.full

ROLES: tuple[Role, ...] = ("seat", "cell")
IMAGES = ("seat", "cell")
_LOOK_S = 0.2


@pytest.fixture(scope="module")
def engine() -> Iterator[OwnEngine]:
    programs = own_engine.require()
    images = [container_engine.image(name) for name in IMAGES]
    engine = OwnEngine(programs, Path(tempfile.mkdtemp(prefix="dl-", dir="/tmp")))  # unix sockets need short paths
    try:
        engine.start()
        engine.bring(images)
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module")
def lasting_house(pages: Path, engine: OwnEngine) -> Iterator[House]:
    with container_house(pages, engine.host, native="cell") as house:
        yield house


@pytest.fixture(autouse=True)
def engine_afterwards(house: House, engine: OwnEngine) -> Iterator[None]:
    """It runs again before the house looks for what is left."""
    yield
    engine.start()


@pytest.fixture
def containers(engine: OwnEngine) -> Containers:
    def look(session_id: str) -> dict[str, str]:
        found = {role: container_engine.box(session_id, role, host=engine.host) for role in ROLES}
        return {role: box.id for role, box in found.items() if box is not None}

    return look


@pytest.fixture
def nothing_left(house: House, engine: OwnEngine) -> Callable[[dict[str, str], str], None]:
    """Fails where more is there of a session and its containers than when the test began."""

    def counts(ids: list[str], names: set[str]) -> Counter[str]:
        overlays = sum(place.endswith("/merged") for place in engine.mounts())
        found = count(house, ids, names, host=engine.host)
        return found + Counter(shims=len(engine.shims()), overlays=overlays)

    before = counts([], set())

    def look(there: dict[str, str], session_id: str) -> None:
        wait_until(
            lambda: not counts([session_id], set(there.values())) - before, END_TIMEOUT_S, "all counts as before"
        )

    return look


def while_watching(viewer: StreamClient, work: Callable[[], object]) -> None:
    """Does it while the viewer takes what comes: who reads nothing for long is sent away."""
    with ThreadPoolExecutor(1) as thread:
        doing = thread.submit(work)
        while not doing.done():
            with contextlib.suppress(Unavailable):
                viewer.wait_close(_LOOK_S)
                break
        doing.result()


def test_a_restarted_engine_ends_what_ran_in_it_and_holds_games_again(
    engine: OwnEngine, core: CoreClient, containers: Containers, nothing_left: Callable[[dict[str, str], str], None]
) -> None:
    session_id = start(core, "testcard-light")
    there = containers(session_id)
    assert set(there) == {"seat", "cell"}
    with watch(core, session_id) as viewer:
        while_watching(viewer, lambda: engine.end(signal.SIGTERM))
        viewer.wait_close(END_TIMEOUT_S)
    engine.start()
    end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert end["reason"] == "seat_lost" and "container engine" in end["message"], end
    nothing_left(there, session_id)
    with watch(core, start(core, "testcard-light")):
        pass


def test_a_restarted_engine_gets_a_game_once_more_that_allows_it(
    engine: OwnEngine, core: CoreClient, containers: Containers
) -> None:
    session_id = start(core, "fault-again")
    started, before = core.session(session_id), containers(session_id)
    with watch(core, session_id) as viewer:
        while_watching(viewer, lambda: engine.end(signal.SIGTERM))
        viewer.wait_close(END_TIMEOUT_S)
    engine.start()
    core.wait_again(started, END_TIMEOUT_S)
    after = containers(session_id)
    assert set(after) == {"seat", "cell"} and not set(after.values()) & set(before.values())
    with watch(core, session_id):
        pass


def test_a_killed_engine_that_is_back_ends_what_went_on_without_it(
    engine: OwnEngine, core: CoreClient, containers: Containers, nothing_left: Callable[[dict[str, str], str], None]
) -> None:
    session_id = start(core, "testcard-light")
    there = containers(session_id)
    with watch(core, session_id) as viewer:
        engine.end(signal.SIGKILL)
        while_watching(viewer, lambda: core.wait_state(session_id, {"unreachable"}, END_TIMEOUT_S))
        viewer.wait_pictures(10, END_TIMEOUT_S)
        while_watching(viewer, engine.start)
        viewer.wait_close(END_TIMEOUT_S)
    end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert end["reason"] == "seat_lost" and "container engine" in end["message"], end
    nothing_left(there, session_id)
    with watch(core, start(core, "testcard-light")):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_keeps_containers_alive_loses_no_game(
    number: signal.Signals,
    engine: OwnEngine,
    core: CoreClient,
    containers: Containers,
    nothing_left: Callable[[dict[str, str], str], None],
) -> None:
    """`live-restore`."""
    engine.end(signal.SIGTERM)
    engine.start(live_restore=True)
    session_id = start(core, "testcard-light")
    there = containers(session_id)
    with watch(core, session_id) as viewer:
        while_watching(viewer, lambda: engine.end(number))
        while_watching(viewer, lambda: core.wait_state(session_id, {"unreachable"}, END_TIMEOUT_S))
        viewer.wait_pictures(10, END_TIMEOUT_S)
        while_watching(viewer, lambda: engine.start(live_restore=True))
        while_watching(viewer, lambda: core.wait_state(session_id, {"streaming"}, END_TIMEOUT_S))
        viewer.wait_pictures(10, END_TIMEOUT_S)
    assert containers(session_id) == there
    core.stop(session_id)
    assert core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "user_stop"
    nothing_left(there, session_id)
    engine.end(signal.SIGTERM)


def test_sessions_leave_nothing_behind_in_an_engine_that_is_restarted(
    engine: OwnEngine, house: House, core: CoreClient, containers: Containers
) -> None:
    def end(number: signal.Signals) -> None:
        engine.end(number)
        engine.start()

    ways = usual_ways(house, host=engine.host) | {
        "restart engine": lambda there: end(signal.SIGTERM),
        "kill engine": lambda there: end(signal.SIGKILL),
    }
    come_and_go(200, house, core, containers, ways, host=engine.host)
