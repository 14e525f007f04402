"""A native Linux program as guest."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
from collections.abc import Callable
from pathlib import Path

from dillinger_contracts.errors import NotFound, Unsupported
from dillinger_contracts.game import DisplayConfiguration, NativeLaunch
from dillinger_seat.cell.cell import GUEST, Cell, Part, PartFailed, Program
from dillinger_seat.cell.paths import CellPaths

from . import appimage
from .base import GuestExit
from .gamescope import run_guest
from .libraries import library_folders, runtime_folders

OOM_SCORE_ADJ = 800
"""Above all else in the cell: when memory runs out it is the game that goes, and its end is told as what it was."""
_WINDOWLESS_S = 2.0
_LOOK_S = 0.25
_KILL_WAIT_S = 2.0

_BASE = {
    "XDG_SESSION_TYPE": "x11",
    "SDL_VIDEODRIVER": "x11",
    "SDL_AUDIODRIVER": "pulseaudio",
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",
    "ALSOFT_DRIVERS": "pulse",
    "GDK_BACKEND": "x11",
    "QT_QPA_PLATFORM": "xcb",
    "NO_AT_BRIDGE": "1",
    "DBUS_SESSION_BUS_ADDRESS": "disabled:",
}
"""The cell has no D-Bus: what would look for one is told so."""
_SOFTWARE = {"LIBGL_ALWAYS_SOFTWARE": "1", "SDL_RENDER_DRIVER": "software"}


def base_environment(*, has_graphics_card: bool) -> dict[str, str]:
    """What every game is told of its cell; without a card, to draw in software. Pure."""
    return _BASE if has_graphics_card else _BASE | _SOFTWARE


class NativeGuest:
    """One program and everything that it starts.

    It has ended when its first process has, and what that left behind is gone too or has shown no window for two
    seconds: a launcher may start the game and leave, and a game may leave a helper behind that nobody waits for.
    """

    preparation: str | None = None

    def __init__(
        self,
        cell: Cell,
        launch: NativeLaunch,
        paths: CellPaths,
        *,
        display: DisplayConfiguration,
        file_bytes: int,
        has_windows: Callable[[], bool],
        has_graphics_card: bool,
        runtimes_dir: Path | None = None,
        app_dir: str | None = None,
    ) -> None:
        """`runtimes_dir` is the library's folder of runtimes; `app_dir`, below the game's, an unpacked AppImage."""
        self._cell = cell
        self._launch = launch
        self._paths = paths
        self._display = display
        self._runtimes_dir = runtimes_dir
        self._app_dir = app_dir
        self._file_bytes = file_bytes
        self._has_windows = has_windows
        self._base = base_environment(has_graphics_card=has_graphics_card)
        self._part: Part | None = None
        self._libraries: dict[str, str] = {}

    @property
    def program(self) -> str:
        """The program's name, as its entry has it."""
        return self._launch.command[0]

    async def prepare(self) -> None:
        """Looks for the libraries that the program needs; raises `NotFound` with those that are missing."""
        launch, environment = self._launch, self._paths.environment | self._launch.environment
        if launch.runtime is not None and self._runtimes_dir is not None:
            first = await asyncio.to_thread(runtime_folders, self._runtimes_dir, launch.runtime, self._paths)
            environment = _with_folders(environment, ":".join(first))
        more = await library_folders(self._cell, self._paths, self._program_path, launch, environment)
        self._libraries = {"LD_LIBRARY_PATH": value} if (value := _searched(_with_folders(environment, more))) else {}

    @property
    def _program_path(self) -> str:
        first = self._launch.command[0]
        if self._app_dir is not None:
            return f"{self._paths.game}/{self._app_dir}/{appimage.START}"
        return f"{self._paths.game}/{first[2:]}" if first.startswith("./") else first

    async def launch(self, variables: dict[str, str]) -> None:
        """Starts the program; raises `NotFound` or `Unsupported`, naming it."""
        first, *rest = self._launch.command
        environment = self._paths.environment | self._base | variables | self._launch.environment
        if self._app_dir is not None:
            environment |= appimage.environment(first, self._app_dir, self._paths)
        try:
            self._part = await run_guest(
                self._cell,
                Program(
                    argv=(self._program_path, *rest),
                    env=environment | self._libraries,
                    cwd=self._paths.game if self._launch.directory == "game" else self._paths.home,
                    oom_score_adj=OOM_SCORE_ADJ,
                    file_bytes=self._file_bytes,
                ),
                self._display,
            )
        except PartFailed as error:
            raise refusal(first, error) from error

    async def wait(self) -> GuestExit:
        """The end of the program and of what it left behind; how it ended is how its first process did."""
        assert self._part is not None, "launched"
        how = await asyncio.shield(self._part.ended)
        if how.survivors:
            await self._wait_for_survivors()
        return GuestExit(how.code, how.signal)

    async def _wait_for_survivors(self) -> None:
        windowless_s = 0.0
        while not self._cell.alone.is_set() and windowless_s < _WINDOWLESS_S:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._cell.alone.wait()
            windowless_s = 0.0 if self._has_windows() else windowless_s + _LOOK_S

    async def quit(self, *, grace_s: float) -> None:
        """SIGTERM to every process of the guest, after `grace_s` SIGKILL."""
        if self._part is None:
            return
        for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILL_WAIT_S)):
            if self._cell.alone.is_set():
                return
            await self._cell.signal(GUEST, number)
            try:
                async with asyncio.timeout(wait_s):
                    await self._cell.alone.wait()
            except TimeoutError:
                continue


def _searched(environment: dict[str, str]) -> str:
    return environment.get("LD_LIBRARY_PATH", "")


def _with_folders(environment: dict[str, str], folders: str) -> dict[str, str]:
    """`environment` with more folders, named as LD_LIBRARY_PATH does, after those that it has."""
    return environment | {"LD_LIBRARY_PATH": ":".join(part for part in (_searched(environment), folders) if part)}


def refusal(program: str, error: PartFailed) -> NotFound | Unsupported:
    """Why a program of the game could not be started, for its player."""
    where = "the game's folder" if program.startswith("./") else "the cell: it sees /usr and the game's own folder"
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return NotFound(
                f"There is no program {program} in {where}", hint="Install it, or mend the command in game.toml"
            )
        case errno.EACCES:
            return Unsupported(f"{program} is not executable", hint="chmod +x it, or mend the command in game.toml")
        case errno.ENOEXEC:
            return Unsupported(
                f"{program} is no program that this machine can run", hint="Mend the command in game.toml"
            )
        case _:
            return Unsupported(error.message, hint="Mend the command in game.toml")
