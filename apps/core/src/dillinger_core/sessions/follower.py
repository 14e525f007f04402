"""Follows each runner's event feed for as long as core lives, and brings both sides together whenever the link is new.

One task a runner on the event loop, none of which minds the others. A lost link shows at once as unreachable sessions,
and is tried again with growing pauses. A slow heartbeat compares both sides even when nothing seems to happen, so that
a missed event costs seconds, not a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from dillinger_contracts import DillingerError

from .runners import LOOK_UP_EVERY_S, Runner, Runners
from .sessions import Sessions

_PAUSES_S = (0.2, 0.5, 1.0, 2.0)
_FAILURES_TOLD = 2
"""A runner that is back by then was only restarted, or ends together with core."""
_RESYNC_EVERY_S = 15.0

log = structlog.get_logger()


class Followers:
    """Keeps one for each runner, listed or found."""

    def __init__(self, sessions: Sessions, runners: Runners) -> None:
        self._sessions = sessions
        self._runners = runners
        self._tasks: dict[Runner, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follows all of them until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    if self._runners.are_found:
                        await self._look_up()
                    for runner in self._runners.all():
                        if runner not in self._tasks:
                            self._tasks[runner] = group.create_task(_supervised(self._sessions, runner))
                    if not self._runners.are_found:
                        break
                    await asyncio.sleep(LOOK_UP_EVERY_S)
        finally:
            self._tasks.clear()

    async def _look_up(self) -> None:
        for runner in await self._runners.look_up(in_use=await self._sessions.live_by_runner()):
            if (task := self._tasks.pop(runner, None)) is not None:
                task.cancel()
                await asyncio.wait((task,))
            await runner.client.close()


async def _supervised(sessions: Sessions, runner: Runner) -> None:
    """A fault of ours in one runner's follower leaves the others' alone."""
    while True:
        try:
            await Follower(sessions, runner).run()
        except Exception:
            log.exception("follower_failed", runner=runner.name)
            await sessions.runner_lost(runner)
            await asyncio.sleep(_PAUSES_S[-1])


class Follower:
    """Keeps sessions and one runner together."""

    def __init__(self, sessions: Sessions, runner: Runner) -> None:
        self._sessions = sessions
        self._runner = runner

    async def run(self) -> None:
        """Follows until cancelled."""
        failures = 0
        while True:
            try:
                await self._resync()
                await self._sessions.runner_found(self._runner)
                failures = 0
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._events())
                    group.create_task(_repeat(self._resync, every_s=_RESYNC_EVERY_S))
            except* DillingerError as group_error:
                if failures == _FAILURES_TOLD:
                    log.warning("runner_link_lost", runner=self._runner.name, reason=str(group_error.exceptions[0]))
            await self._sessions.runner_lost(self._runner)
            await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
            failures += 1

    async def _events(self) -> None:
        async for event in self._runner.client.events():
            await self._sessions.apply(event.session, self._runner)

    async def _resync(self) -> None:
        await self._sessions.resync(self._runner)


async def _repeat(action: Callable[[], Awaitable[None]], *, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await action()
