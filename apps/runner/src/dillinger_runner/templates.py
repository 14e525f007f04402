"""Wine's template, made ahead: what Windows games' drives are made of takes seconds, once for each Wine.

Made by the seat's own program in a process of its own, as soon as the library has a Windows game; a session that comes
sooner waits, before its seat is placed, so that its start has its whole deadline. On the runner's loop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from dillinger_contracts import Game, Unavailable
from dillinger_contracts.wine import WineLaunch
from dillinger_programs.wine import template_of, wine_version

from .runtimes import games_by_runtime

_LOOK_S = 30.0
_TELL_S = 0.5
_TERM_WAIT_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TemplateConfig:
    """What is told once."""

    seat_command: tuple[str, ...]
    folder: Path
    library_dir: Path
    timeout_s: float


class WineTemplates:
    """This machine's template: there, in the making, or not wanted yet."""

    def __init__(self, config: TemplateConfig) -> None:
        self._config = config
        self._making: asyncio.Task[None] | None = None
        self._share = 0.0
        """How much of it is made."""

    async def keep_ahead(self) -> None:
        """Has it made when the library has a Windows game; where that fails, a session that wants one tries again."""
        looked_at = None
        while True:
            changed_at = await asyncio.to_thread(_changed_at, self._config.library_dir)
            if changed_at != looked_at and await asyncio.to_thread(self._is_wanted):
                with suppress(Unavailable):
                    await asyncio.shield(self._ensure())
            looked_at = changed_at
            await asyncio.sleep(_LOOK_S)

    async def wait(self, game: Game) -> AsyncIterator[float]:
        """How much is made, again and again until `game` need not wait; raises Unavailable with why it can't be had."""
        launch = game.launch
        if not isinstance(launch, WineLaunch) or launch.architecture != "win64":
            return
        if not await asyncio.to_thread(self._is_missing):
            return
        making = self._ensure()
        while not making.done():
            yield self._share
            await asyncio.wait({making}, timeout=_TELL_S)
        making.result()

    async def close(self) -> None:
        """Ends the making, where it goes on; what is half made goes at the next try."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)

    def _is_missing(self) -> bool:
        return wine_version() is not None and template_of(self._config.folder) is None

    def _is_wanted(self) -> bool:
        return self._is_missing() and ("wine", "wine") in games_by_runtime(self._config.library_dir)

    def _ensure(self) -> asyncio.Task[None]:
        if self._making is None or self._making.done():
            self._share = 0.0
            self._making = asyncio.create_task(self._make(), name="wine template")
            self._making.add_done_callback(_heard)
        return self._making

    async def _make(self) -> None:
        command = (*self._config.seat_command, "--wine-template", str(self._config.folder))
        log.info("wine_template_wanted", folder=str(self._config.folder))
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise Unavailable(f"Wine's template can't be made: {error}") from error
        try:
            async with asyncio.timeout(self._config.timeout_s):
                said = await self._listen(process)
        except TimeoutError:
            raise Unavailable(f"Wine's template was not made after {self._config.timeout_s:g} s") from None
        finally:
            await _ended(process)
        if process.returncode != 0:
            log.error("wine_template_failed", said=said)
            raise Unavailable(f"Wine's template was not made: {said}")
        log.info("wine_template_made")

    async def _listen(self, process: asyncio.subprocess.Process) -> str:
        """Hears how far it is until it ends; its last word on the error stream."""
        assert process.stdout is not None and process.stderr is not None
        errors = asyncio.create_task(process.stderr.read())
        try:
            async for line in process.stdout:
                with suppress(ValueError, KeyError, TypeError):
                    self._share = min(max(float(json.loads(line)["share"]), 0.0), 1.0)
            words = (await errors).decode("utf-8", "replace").strip().splitlines()
        finally:
            errors.cancel()
        await process.wait()
        return words[-1][:500] if words else "no word"


def _heard(task: asyncio.Task[None]) -> None:
    """An error that nobody waits for is in the log already."""
    if not task.cancelled():
        task.exception()


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_TERM_WAIT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _changed_at(folder: Path) -> int | None:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return None
