"""A Windows program as guest, under the cell's Wine.

Three parts of the cell serve it: `prefix` makes drive and registry ready and ends; `wineserver` holds all of the
prefix's processes and ends when the last of them does, which tells the game's end whatever launcher started it; the
guest is the program itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable
from typing import Any

import structlog

from dillinger_contracts.errors import Unsupported
from dillinger_contracts.game import INSTALLED_PREFIX, DisplayConfiguration
from dillinger_contracts.wine import RUNTIMES, WineLaunch
from dillinger_seat.cell.cell import GUEST, Cell, Part, PartExit, PartFailed, Program
from dillinger_seat.cell.paths import CellPaths

from .base import GuestExit
from .gamescope import run_guest
from .native import OOM_SCORE_ADJ, base_environment, refusal
from .wine_output import WineOutput
from .wine_settings import layers, registry_edits, wine_variables
from .wine_template import prefix_program

log = structlog.get_logger()

PREFIX, SERVER, CLOSER = "prefix", "wineserver", "closer"
PYTHON = "/usr/bin/python3"
_WINDOWLESS_S = 30.0
"""How long what a launcher left behind may take to show a window; programs load for a while."""
_LOOK_S = 0.5
_KILL_WAIT_S = 2.0
_SAVE_WAIT_S = 2.0
"""For the server to write the registry down when it is told to end."""


class WineGuest:
    """One Windows program, its prefix, and everything that it starts."""

    preparation: str | None = PREFIX

    def __init__(
        self,
        cell: Cell,
        launch: WineLaunch,
        paths: CellPaths,
        *,
        display: DisplayConfiguration,
        template: str,
        file_bytes: int,
        has_windows: Callable[[], bool],
        has_graphics_card: bool,
    ) -> None:
        self._cell = cell
        self._launch = launch
        self._paths = paths
        self._display = display
        self._template = template
        self._file_bytes = file_bytes
        self._has_windows = has_windows
        base = base_environment(has_graphics_card=has_graphics_card)
        self._environment = paths.environment | base | wine_variables(launch, paths.home)
        self._found: dict[str, Any] = {}
        self._server: Part | None = None
        self._part: Part | None = None
        self._output = WineOutput()
        self._loop = asyncio.get_running_loop()
        cell.guest_log.on_line = lambda line: self._output.take(line, self._loop.time())

    @property
    def program(self) -> str:
        """The program's file name."""
        return self._launch.program

    @property
    def _program_path(self) -> str:
        first = self._launch.command[0]
        return f"{self._paths.game}/{first[2:]}" if first.startswith("./") else first

    async def prepare(self) -> None:
        """Makes the prefix ready and starts its server; raises `Unsupported` with why it can't be had."""
        wish = {
            "program": self._program_path,
            "template": self._template,
            "installed": f"{self._paths.game}/{INSTALLED_PREFIX}",
            "architecture": self._launch.architecture,
            "registry": registry_edits(self._launch),
            "winetricks": self._launch.winetricks,
            "layers": layers(self._launch),
            "runtimes": RUNTIMES,
            "environment": self._environment,
        }
        argv = (PYTHON, "-I", "-S", "-c", prefix_program(), json.dumps(wish), "{ready_fd}")
        part = await self._run(PREFIX, argv, wants_ready=True)
        how = await asyncio.shield(part.ended)
        if how.code != 0:
            said = next((line for line in reversed(self._cell.own_log.tail()) if line.strip()), str(how))
            raise Unsupported(f"{self.program} can't be started: {said}")
        self._found = json.loads(await part.ready)
        self._server = await self._run(SERVER, ("wineserver", "-f", "-p0"))

    async def _run(self, name: str, argv: tuple[str, ...], *, wants_ready: bool = False) -> Part:
        program = Program(
            argv=argv,
            env=self._environment,
            cwd=self._paths.home,
            wants_ready=wants_ready,
            file_bytes=self._file_bytes,
        )
        try:
            return await self._cell.run(name, program)
        except PartFailed as error:
            raise Unsupported(error.message, hint="Install Wine where the game runs: wine wine64") from error

    async def launch(self, variables: dict[str, str]) -> None:
        """Starts the program; raises `NotFound` or `Unsupported`, naming it."""
        self._environment |= variables
        folders = {"program": self._found["folder"], "game": self._paths.game, "home": self._paths.home}
        program = Program(
            argv=(self._found["loader"], self._program_path, *self._launch.command[1:]),
            env=self._environment | self._launch.environment,
            cwd=folders[self._launch.directory],
            oom_score_adj=OOM_SCORE_ADJ,
            file_bytes=self._file_bytes,
        )
        try:
            self._part = await run_guest(self._cell, program, self._display)
        except PartFailed as error:
            raise refusal(self._found["loader"], error) from error

    async def wait(self) -> GuestExit:
        """The end of the program and of all that it left behind in its prefix, and what Wine says of it."""
        assert self._part is not None, "launched"
        assert self._server is not None, "prepared"
        how = await asyncio.shield(self._part.ended)
        await self._wait_for_rest(self._server)
        trouble = self._output.trouble(self._loop.time(), has_failed=how.code != 0)
        return GuestExit(how.code, how.signal, None if trouble is None else trouble.text)

    async def _wait_for_rest(self, server: Part) -> None:
        """A launcher may leave while its child plays; a helper that shows nothing keeps nobody waiting for long."""
        windowless_s = 0.0
        while windowless_s < _WINDOWLESS_S:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await asyncio.shield(server.ended)
                    return
            windowless_s = 0.0 if self._has_windows() else windowless_s + _LOOK_S

    async def quit(self, *, grace_s: float) -> None:
        """Ends the Windows session as a shutdown does, after `grace_s` by force; what the registry holds is saved."""
        if self._server is None or self._server.ended.done():
            return
        if self._part is not None and grace_s > 0:
            with contextlib.suppress(TimeoutError, Unsupported):
                async with asyncio.timeout(grace_s):
                    await self._close()
                    await asyncio.shield(self._server.ended)
                    return
        await self._cell.signal(SERVER, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SAVE_WAIT_S):
                await asyncio.shield(self._server.ended)
        await self._cell.signal(GUEST, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_WAIT_S):
                await self._cell.alone.wait()

    async def _close(self) -> PartExit:
        closer = await self._run(CLOSER, (self._found["loader"], "wineboot", "--end-session", "--shutdown"))
        return await asyncio.shield(closer.ended)
