"""Fixtures of core's tests; what they are made of is in `core_house`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dillinger_core.settings import CoreSettings

# Test folders are no packages: what they share is imported from the root of the repository.
sys.path.insert(0, str(Path(__file__).parents[3]))

from apps.core.tests.core_house import KEY, House, StandInRunner, add_game, add_user, open_house, until


@pytest.fixture
async def runner() -> AsyncIterator[StandInRunner]:
    stand_in = StandInRunner()
    await stand_in.appear()
    yield stand_in
    await stand_in.vanish()


@pytest.fixture
def settings(tmp_path: Path, runner: StandInRunner) -> CoreSettings:
    keys = tmp_path / "state/runner/keys"
    keys.parent.mkdir(parents=True)
    keys.write_text(f"# keys\n{KEY} # core's\n")
    add_game(tmp_path / "state/library", "testcard")
    return CoreSettings.model_validate(
        {
            "state_dir": tmp_path / "state",
            "runner_url": f"http://127.0.0.1:{runner.port}",
            "desktop_entry_dirs": (),
            "runner_timeout_s": 30.0,
            "max_body_bytes": 64 * 1024,
            "login_failures_per_name": 4,
            "login_failures_per_address": 8,
        }
    )


@pytest.fixture
async def new_house(settings: CoreSettings, runner: StandInRunner) -> AsyncIterator[House]:
    """A core at its first start."""
    async with open_house(settings, runner) as opened:
        await until(lambda: opened.parts.sessions.is_runner_reachable)
        yield opened


@pytest.fixture
async def house(settings: CoreSettings, runner: StandInRunner) -> AsyncIterator[House]:
    """A core that was lived in: its admin has a password."""
    await add_user(settings, "admin", "admin")
    async with open_house(settings, runner) as opened:
        await until(lambda: opened.parts.sessions.is_runner_reachable)
        yield opened
