"""Starts a runner when somebody wants to play and none answers, where the settings say how (`runner_command`).

The command may be the runner itself, or one that has something else start it (`systemctl start …`, `docker compose up
-d runner`). Core never ends what it started: games outlive core, and so does who keeps them. Owned by the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from dillinger_contracts import Unavailable

_LOOK_INTERVAL_S = 0.1

log = structlog.get_logger()


class OnDemand:
    """One runner that can be started."""

    def __init__(self, command: Sequence[str], *, deadline_s: float, is_up: Callable[[], Awaitable[bool]]) -> None:
        self._command = tuple(command)
        self._deadline_s = deadline_s
        self._is_up = is_up
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def ensure(self) -> bool:
        """Whether the runner had to be started, and answers now.

        False where that is not the trouble: core is not told how, or the runner answers. Raises `Unavailable` when the
        command fails or no runner answers before the deadline.
        """
        if not self._command:
            return False
        async with self._turn:  # of several clicks the first starts it, the others find it there
            if await self._is_up():
                return False
            process = await self._begin()
            try:
                async with asyncio.timeout(self._deadline_s):
                    while not await self._is_up():
                        if process.returncode:
                            raise Unavailable(
                                f"The command that starts the runner ended with {process.returncode}",
                                hint="Core's log has what it said; runner_command is the setting",
                            )
                        await asyncio.sleep(_LOOK_INTERVAL_S)
            except TimeoutError:
                raise Unavailable(
                    f"The runner was started and did not answer within {self._deadline_s:g} s",
                    hint="Does runner_command start the one that runner_url names?",
                ) from None
            log.info("runner_started_on_demand")
            return True

    async def _begin(self) -> asyncio.subprocess.Process:
        """The command's process: a new one, or the one that an earlier click is still waiting for."""
        if self._process is None or self._process.returncode is not None:
            log.info("runner_starting", program=self._command[0])
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
                )
            except OSError as error:
                raise Unavailable(
                    f"The command that starts the runner can't be run: {error.strerror}",
                    hint="runner_command is the setting",
                ) from error
        return self._process
