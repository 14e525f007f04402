"""Seats that wait in containers: locked in as every other, replaced, and never lost on the way to a session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import container_engine
from tests.faults import walls
from tests.faults.test_faults_warm import await_warm, pool

from dillinger_bench.client import RunnerClient
from dillinger_bench.house import House
from dillinger_bench.waiting import wait_until
from dillinger_runner.backends.docker_spec import container_name
from dillinger_runner.tokens import digest

SESSION = "warm5" * 4


@pytest.fixture
def warm_house(pages: Path, explained: list[House]) -> Iterator[House]:
    settings = container_engine.settings() | {
        "DILLINGER_RUNNER_POOL_SIZE": "1",
        "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": "",
    }
    with House(web_dir=pages, settings=settings) as house:
        explained.append(house)
        yield house


def waiting(runner: RunnerClient, *, other_than: str = "") -> str:
    """The id of the seat that waits."""

    def look() -> str | None:
        found = [seat["seatId"] for seat in pool(runner)["seats"] if seat["state"] == "warm"]
        return next((seat_id for seat_id in found if seat_id != other_than), None)

    return wait_until(look, walls.END_TIMEOUT_S, "a seat that waits")


@pytest.mark.full
def test_a_hostile_game_with_a_seat_that_waited_gets_nowhere(warm_house: House) -> None:
    with warm_house.runner_client() as runner, warm_house.client() as core:
        await_warm(runner)
        other = core.play("testcard-light")["session_id"]
        core.wait_state(other, {"ready"}, walls.END_TIMEOUT_S)
        await_warm(runner)
        with walls.arranged(warm_house, other=other, engines=[container_engine.HOST.removeprefix("unix://")]):
            assert walls.through(walls.got_in_a_cell(warm_house)) == {}
        assert pool(runner)["given"] == 2


@pytest.mark.full
def test_a_waiting_container_is_given_replaced_and_not_lost_with_its_runner(
    warm_house: House, containers: Callable[[str], dict[str, str]]
) -> None:
    """One house for all of it, since it takes a while: given to a session; killed; and, with its runner killed between
    the session's name and the handing over, handed over by the next runner."""
    with warm_house.runner_client() as runner, warm_house.client() as core:
        first_id = waiting(runner)
        box = containers(first_id)["seat"]
        session_id = core.play("testcard-light")["session_id"]
        core.wait_state(session_id, {"ready"}, walls.END_TIMEOUT_S)
        assert containers(session_id)["seat"] == box and not containers(first_id)

        killed_id = waiting(runner)
        container_engine.kill(containers(killed_id)["seat"])
        last_id = waiting(runner, other_than=killed_id)
        assert not containers(killed_id) and pool(runner)["lost"] == 1

        box = containers(last_id)["seat"]
        warm_house.kill("runner")
        name(warm_house, last_id, like=session_id)
        warm_house.start("runner")
        wait_until(lambda: state(runner) == "ready", walls.END_TIMEOUT_S, "the session that was half given")
        assert containers(SESSION)["seat"] == box


@pytest.mark.full
def test_a_game_finds_its_runtime_with_a_seat_that_waited(warm_house: House) -> None:
    """A runtime of the library, by which the seat names the cell's folders."""
    entry = warm_house.library_dir / "testcard-light/game.toml"
    draft = warm_house.root / "game.toml"
    draft.write_text(entry.read_text("utf-8").replace("[launch]\n", '[launch]\nlibraries = "runtime/own"\n'), "utf-8")
    draft.replace(entry)  # as a whole: the library may be looking
    (warm_house.library_dir / "runtimes/own/lib").mkdir(parents=True)
    with warm_house.runner_client() as runner, warm_house.client() as core:
        waiting(runner)
        session_id = core.play("testcard-light")["session_id"]
        core.wait_state(session_id, {"ready"}, walls.END_TIMEOUT_S)
        assert pool(runner)["given"] == 1
        assert "runtime/own" in (warm_house.target.session_dir(session_id) / "spec.json").read_text("utf-8")


def state(runner: RunnerClient) -> str:
    found: str = runner.call("GET", f"/sessions/{SESSION}")["state"]
    return found


def name(house: House, seat_id: str, *, like: str) -> None:
    """A session that is on file as `like` was, and has the waiting seat by its name."""
    template, folder = house.target.session_dir(like), house.target.session_dir(SESSION)
    folder.mkdir(mode=0o700)
    shutil.chown(folder, *map(int, container_engine.USER.split(":")))
    spec = (template / "spec.json").read_text("utf-8").replace(like, SESSION)
    (folder / "spec.json").write_text(spec, "utf-8")
    (folder / "boot").write_text((template / "boot").read_text("ascii"), "ascii")
    (folder / "token.sha256").write_text(digest(json.loads(spec)["control_token"]) + "\n", "ascii")
    (house.runtime_dir / seat_id).rename(house.runtime_dir / SESSION)
    container_engine.rename(container_name(seat_id, "seat"), container_name(SESSION, "seat"))
