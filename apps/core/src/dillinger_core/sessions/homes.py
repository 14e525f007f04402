"""Which runner has a player's saves of a game, where each runner keeps its own.

The history tells, else the runners themselves are asked: saves may have been restored before the first game, and
outlive the history.
"""

from __future__ import annotations

import asyncio

from dillinger_contracts import DillingerError, Unavailable
from dillinger_core.store import SessionRows

from .runner_client import RETRY_AFTER_S
from .runners import Runner, Runners


class Homes:
    """Finds it."""

    def __init__(self, rows: SessionRows, runners: Runners, *, are_saves_shared: bool) -> None:
        self._rows = rows
        self._runners = runners
        self._are_saves_shared = are_saves_shared

    async def find(self, user_name: str, game_id: str) -> Runner | None:
        """The runner that has saves of this user and game; None where any runner will do.

        Raises `Unavailable` where the runner that has them is not there.
        """
        everyone = self._runners.all()
        if self._are_saves_shared or len(everyone) <= 1:
            return None
        if (last := await self._rows.last_runner(user_name, game_id)) is not None:
            if (home := self._runners.find(last)) is not None:
                return home
            if self._runners.are_found:
                raise _away(last)
        for runner, has_some in zip(
            everyone, await asyncio.gather(*(_has_saves(one, user_name, game_id) for one in everyone)), strict=True
        ):
            if has_some:
                return runner
        return None

    async def of(self, user_name: str, game_id: str) -> Runner:
        """The runner to be asked for these saves; raises `Unavailable`."""
        if (home := await self.find(user_name, game_id)) is not None:
            return home
        everyone = self._runners.all()
        return next((runner for runner in everyone if runner.is_reachable), self._runners.first)


async def _has_saves(runner: Runner, user_name: str, game_id: str) -> bool:
    if not runner.is_reachable:
        return False
    try:
        return (await runner.client.saves(user_name, game_id)).used_bytes > 0
    except DillingerError:
        return False


def _away(name: str) -> Unavailable:
    return Unavailable(
        f"The saves of this game are with the runner {name}, which can't be found",
        retry_after_s=RETRY_AFTER_S, hint="Start it again; where runners share their saves, set runner_saves",
    )  # fmt: skip
