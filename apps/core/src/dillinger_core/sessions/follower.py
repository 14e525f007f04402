"""Follows the runner's event feed for as long as core lives, and brings both sides together whenever the link is new.

One task on the event loop. A lost link shows at once as unreachable sessions, and is tried again with growing pauses.
A slow heartbeat compares both sides even when nothing seems to happen, so that a missed event costs seconds, not a
session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from dillinger_contracts import DillingerError

from .runner_client import RunnerClient
from .sessions import Sessions

_PAUSES_S = (0.2, 0.5, 1.0, 2.0)
_FAILURES_TOLD = 2
"""A runner that is back by then was only restarted, or ends together with core."""
_RESYNC_EVERY_S = 15.0

log = structlog.get_logger()


class Follower:
    """Keeps sessions and runner together."""

    def __init__(self, sessions: Sessions, runner: RunnerClient) -> None:
        self._sessions = sessions
        self._runner = runner

    async def run(self) -> None:
        """Follows until cancelled."""
        failures = 0
        while True:
            try:
                await self._sessions.resync()
                await self._sessions.runner_found()
                failures = 0
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._events())
                    group.create_task(_repeat(self._sessions.resync, every_s=_RESYNC_EVERY_S))
            except* DillingerError as group_error:
                if failures == _FAILURES_TOLD:
                    log.warning("runner_link_lost", reason=str(group_error.exceptions[0]))
            await self._sessions.runner_lost()
            await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
            failures += 1

    async def _events(self) -> None:
        async for event in self._runner.events():
            await self._sessions.apply(event.session)


async def _repeat(action: Callable[[], Awaitable[None]], *, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await action()
