"""Containers, runner and engine are killed and cut off: what must end ends with its reason, the rest goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests import container_engine
from tests.faults.docker.engine_cable import EngineCable

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.waiting import wait_until

END_TIMEOUT_S = 90.0

Containers = Callable[[str], dict[str, str]]


def start(core: CoreClient, game_id: str) -> str:
    session_id: str = core.play(game_id)["session_id"]
    core.wait_state(session_id, {"ready"}, END_TIMEOUT_S)
    return session_id


def watch(core: CoreClient, session_id: str) -> StreamClient:
    viewer = StreamClient(core, session_id)
    viewer.hello(core.ticket(session_id))
    viewer.wait_pictures(3, END_TIMEOUT_S)
    core.wait_state(session_id, {"streaming"}, END_TIMEOUT_S)
    return viewer


def test_a_killed_runner_loses_neither_container_nor_stream(
    house: House, core: CoreClient, containers: Containers
) -> None:
    session_id = start(core, "testcard-light")
    before = containers(session_id)
    assert set(before) == {"seat", "cell"}
    with watch(core, session_id) as viewer:
        house.kill("runner")
        viewer.wait_pictures(10, END_TIMEOUT_S)
        house.start("runner")
        core.wait_state(session_id, {"streaming"}, END_TIMEOUT_S)
        viewer.wait_pictures(10, END_TIMEOUT_S)
    assert containers(session_id) == before
    core.stop(session_id)
    assert core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "user_stop"
    assert containers(session_id) == {}


@pytest.mark.parametrize(("role", "reason"), [("cell", "cell_lost"), ("seat", "seat_lost")])
def test_a_killed_container_ends_its_session_alone(
    role: str, reason: str, core: CoreClient, containers: Containers
) -> None:
    session_id, other = start(core, "testcard-light"), start(core, "testcard-motion")
    with watch(core, other) as viewer:
        container_engine.kill(containers(session_id)[role])
        end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
        assert end["reason"] == reason and end["message"]
        wait_until(lambda: containers(session_id) == {}, END_TIMEOUT_S, "both containers gone")
        viewer.wait_pictures(5, END_TIMEOUT_S)


@pytest.mark.parametrize(
    ("role", "reason"), [("cell", "cell_lost"), pytest.param("seat", "seat_lost", marks=pytest.mark.full)]
)
def test_a_killed_container_is_started_once_more_where_the_game_allows_it(
    role: str, reason: str, core: CoreClient, containers: Containers
) -> None:
    session_id = start(core, "fault-again")
    started, before = core.session(session_id), containers(session_id)
    with watch(core, session_id) as viewer:
        container_engine.kill(before[role])
        assert viewer.wait_close(END_TIMEOUT_S) == 4503
    core.wait_again(started, END_TIMEOUT_S)
    after = containers(session_id)
    assert set(after) == {"seat", "cell"} and not set(after.values()) & set(before.values())
    with watch(core, session_id):
        container_engine.kill(after[role])
        end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert end["reason"] == reason and end["message"]
    assert containers(session_id) == {}


def test_a_machine_that_was_restarted_ends_what_ran_on_it(
    house: House, core: CoreClient, containers: Containers
) -> None:
    """What a restart leaves: containers that are not running, and paper of another boot."""
    session_id = start(core, "fault-again")
    house.kill("runner")
    for container in containers(session_id).values():
        container_engine.kill(container)
    [boot] = house.root.rglob(f"{session_id}/boot")
    boot.write_text("11111111-2222-3333-4444-555555555555")
    house.start("runner")
    end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert end["reason"] == "seat_lost" and "machine was restarted" in end["message"]
    assert containers(session_id) == {}


def test_a_game_that_eats_memory_ends_as_such_and_the_others_live(core: CoreClient, containers: Containers) -> None:
    other = start(core, "testcard-motion")
    with watch(core, other) as viewer:
        session_id = core.play("fault-memory")["session_id"]
        end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
        assert end["reason"] == "out_of_memory", end
        viewer.wait_pictures(5, END_TIMEOUT_S)
    assert core.session(other)["end"] is None
    assert containers(session_id) == {}


def test_a_game_that_fills_its_disk_ends_as_such_and_the_disk_has_room(
    house: House, core: CoreClient, containers: Containers
) -> None:
    session_id = core.play("fault-disk")["session_id"]
    end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert end["reason"] == "out_of_disk", end
    written = sum(file.stat().st_size for file in (house.state_dir / "saves").rglob("*") if file.is_file())
    assert written < 256 << 20
    assert containers(session_id) == {}


def test_a_fork_bomb_stays_in_its_cell(core: CoreClient, containers: Containers) -> None:
    other = start(core, "testcard-motion")
    session_id = start(core, "fault-forks")
    with watch(core, other) as viewer:
        viewer.wait_pictures(5, END_TIMEOUT_S)
    core.stop(session_id)
    assert core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "user_stop"
    assert containers(session_id) == {}


def test_an_engine_that_is_away_makes_sessions_unreachable_and_ends_none(
    core: CoreClient, cable: EngineCable, containers: Containers
) -> None:
    """The stream goes on meanwhile; who stops a session then gets that as soon as the engine is back."""
    session_id, stopped = start(core, "testcard-light"), start(core, "testcard-motion")
    before = containers(session_id)
    with watch(core, session_id) as viewer:
        cable.cut()
        try:
            core.wait_state(session_id, {"unreachable"}, END_TIMEOUT_S)
            core.stop(stopped)
            viewer.wait_pictures(10, END_TIMEOUT_S)
        finally:
            cable.mend()
        core.wait_state(session_id, {"streaming"}, END_TIMEOUT_S)
        viewer.wait_pictures(10, END_TIMEOUT_S)
    assert core.wait_state(stopped, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "user_stop"
    assert containers(session_id) == before
    assert containers(stopped) == {}


def test_a_runner_that_starts_without_its_engine_adopts_when_it_is_back(
    house: House, core: CoreClient, cable: EngineCable, containers: Containers
) -> None:
    """And what was left half made meanwhile is swept."""
    session_id = start(core, "testcard-light")
    leftover = f"left{'0' * 16}"
    container_engine.leave_behind(leftover, like=containers(session_id)["seat"])
    house.kill("runner")
    cable.cut()
    try:
        house.start("runner")
        assert core.session(session_id)["end"] is None
    finally:
        cable.mend()
    core.wait_state(session_id, {"ready"}, END_TIMEOUT_S)
    wait_until(lambda: containers(leftover) == {}, END_TIMEOUT_S, "the leftover swept")
    assert set(containers(session_id)) == {"seat", "cell"}
