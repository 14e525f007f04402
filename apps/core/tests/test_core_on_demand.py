"""A runner that is not there when somebody wants to play: started once, or it is said why not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from apps.core.tests.core_house import House, StandInRunner, add_user, open_house, until

from dillinger_core.sessions import OnDemand
from dillinger_core.settings import CoreSettings


class Runner:
    """Up as soon as its file is there."""

    def __init__(self, folder: Path) -> None:
        self.file, self.starts = folder / "up", folder / "starts"

    async def is_up(self) -> bool:
        return self.file.exists()

    @property
    def command(self) -> tuple[str, ...]:
        return ("sh", "-c", f"echo begun >> {self.starts}; sleep 0.3; touch {self.file}; sleep 0.1")


async def test_many_clicks_start_one_runner(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    on_demand = OnDemand(runner.command, deadline_s=30, is_up=runner.is_up)
    assert sorted(await asyncio.gather(*(on_demand.ensure() for _ in range(5)))) == [False] * 4 + [True]
    assert not await on_demand.ensure()
    assert runner.starts.read_text() == "begun\n"


async def test_a_runner_that_is_gone_again_is_started_again(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    on_demand = OnDemand(runner.command, deadline_s=30, is_up=runner.is_up)
    for starts in (1, 2):
        assert await on_demand.ensure()
        runner.file.unlink()
        await until(lambda: on_demand._process is None or on_demand._process.returncode is not None, within_s=30)
        assert runner.starts.read_text().count("begun") == starts


@pytest.mark.parametrize(
    ("command", "timeout_s", "complaint"),
    [
        ((), 30.0, "can't be reached"),
        ((sys.executable, "-c", "raise SystemExit(3)"), 30.0, "ended with 3"),
        (("/nowhere/runner",), 30.0, "can't be run: No such file"),
        (("true",), 1.0, "did not answer within 1 s"),
    ],
    ids=["not told how", "fails", "is not there", "starts nothing"],
)
async def test_it_is_said_why_there_is_none(
    settings: CoreSettings, runner: StandInRunner, command: Sequence[str], timeout_s: float, complaint: str
) -> None:
    await add_user(settings, "admin", "admin")
    told = settings.model_copy(update={"runner_command": tuple(command), "runner_start_timeout_s": timeout_s})
    async with open_house(told, runner) as house, house.admin() as client:
        await until(lambda: house.parts.sessions.is_runner_reachable)
        await runner.vanish()
        answer = await client.post("/api/v1/sessions", json={"game_id": "testcard"})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert complaint in answer.json()["detail"]
        await until(lambda: not house.parts.sessions.is_runner_reachable)
        message = (await client.get("/api/v1/health")).json()["runner"]["message"]
        assert ("the next one starts it" in message) == bool(command)
        await runner.appear()


async def test_a_runner_that_refuses_is_not_started(house: House, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    house.settings.runner_keys.write_text("another key\n")
    told = house.settings.model_copy(update={"runner_command": ("touch", str(mark))})
    async with open_house(told, house.runner) as again, again.admin() as client:
        answer = await client.post("/api/v1/sessions", json={"game_id": "testcard"})
    assert answer.status_code == 503 and "key" in answer.json()["detail"]
    assert not mark.exists()
