"""Seats that waited: a game that gets one is locked in as every other is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import walls

from dillinger_bench.client import RunnerClient, View
from dillinger_bench.house import House
from dillinger_bench.waiting import wait_until


@pytest.fixture
def warm_house(pages: Path, explained: list[House]) -> Iterator[House]:
    settings = {
        "DILLINGER_RUNNER_BACKEND": "process",
        "DILLINGER_RUNNER_POOL_SIZE": "1",
        "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": "",
    }
    with House(web_dir=pages, settings=settings) as house:
        explained.append(house)
        yield house


def test_a_hostile_game_with_a_seat_that_waited_gets_nowhere(warm_house: House) -> None:
    with warm_house.runner_client() as runner, warm_house.client() as core:
        await_warm(runner)
        other = core.play("testcard-light")["session_id"]
        core.wait_state(other, {"ready"}, walls.END_TIMEOUT_S)
        await_warm(runner)
        with walls.arranged(warm_house, other=other, engines=[]):
            assert walls.through(walls.got_in_a_cell(warm_house)) == {}
        assert pool(runner)["given"] == 2


def pool(runner: RunnerClient) -> View:
    found: View = runner.call("GET", "/pool")
    return found


def await_warm(runner: RunnerClient) -> None:
    def is_warm() -> bool:
        return any(seat["state"] == "warm" for seat in pool(runner)["seats"])

    wait_until(is_warm, walls.END_TIMEOUT_S, "a seat that waits")
