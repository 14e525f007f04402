"""A Windows program as guest, under a Proton (or GE-Proton) that lies in the library.

Proton is started as Steam starts its compatibility tools (umu's folder layout: `runtimes/NAME/proton`), without Steam
and without its container: the cell is one. Proton makes and keeps its own prefix, one for each game, in the player's
home. No Proton can be had from a package, so this ran only against a stand-in: unverified with a real one.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable

from dillinger_contracts.errors import NotFound, Unsupported
from dillinger_contracts.game import DisplayConfiguration, NativeLaunch
from dillinger_contracts.wine import RUNTIMES, RUNTIMES_FOLDER, ProtonLaunch
from dillinger_saves.layout import PROTON_PREFIXES as DATA
from dillinger_seat.cell.cell import Cell, PartFailed, Program
from dillinger_seat.cell.paths import CellPaths

from .base import GuestExit
from .gamescope import run_guest
from .native import OOM_SCORE_ADJ, NativeGuest
from .wine_output import WineOutput

PREFIX = "prefix"
CLIENT = ".dillinger/steam"
"""Where Proton looks for a Steam; there is none, and it goes on without."""
_VERB = "waitforexitandrun"


def proton_variables(launch: ProtonLaunch, paths: CellPaths) -> dict[str, str]:
    """What Steam tells its compatibility tools."""
    app_id = str(launch.app_id)
    return {
        "STEAM_COMPAT_DATA_PATH": f"{paths.home}/{DATA}/{launch.prefix}",
        "STEAM_COMPAT_CLIENT_INSTALL_PATH": f"{paths.home}/{CLIENT}",
        "STEAM_COMPAT_INSTALL_PATH": paths.game,
        "STEAM_COMPAT_TOOL_PATHS": f"{RUNTIMES}/{launch.runtime}",
        "STEAM_COMPAT_SHADER_PATH": f"{paths.home}/{DATA}/{launch.prefix}/shadercache",
        "STEAM_COMPAT_APP_ID": app_id,
        "SteamAppId": app_id,
        "SteamGameId": app_id,
        "UMU_ID": f"umu-{app_id}" if launch.app_id else "umu-default",
        **({"WINEDEBUG": launch.wine_debug} if launch.wine_debug else {}),
    }


class ProtonGuest(NativeGuest):
    """One Windows program under Proton; how it ends is told as of a native one, and by what Wine says."""

    preparation: str | None = PREFIX

    def __init__(
        self,
        cell: Cell,
        launch: ProtonLaunch,
        paths: CellPaths,
        *,
        display: DisplayConfiguration,
        file_bytes: int,
        has_windows: Callable[[], bool],
        has_graphics_card: bool,
    ) -> None:
        super().__init__(
            cell, NativeLaunch(command=launch.command), paths, display=display, file_bytes=file_bytes,
            has_windows=has_windows, has_graphics_card=has_graphics_card,
        )  # fmt: skip
        self._proton = launch
        self._output = WineOutput()
        self._loop = asyncio.get_running_loop()
        cell.guest_log.on_line = lambda line: self._output.take(line, self._loop.time())

    @property
    def program(self) -> str:
        """The program's file name."""
        return self._proton.program

    async def prepare(self) -> None:
        """Makes the folders that Proton expects, and sees that it is there; raises `NotFound` where it is not."""
        variables = proton_variables(self._proton, self._paths)
        folders = [variables[name] for name in ("STEAM_COMPAT_DATA_PATH", "STEAM_COMPAT_CLIENT_INSTALL_PATH")]
        look = 'mkdir -p "$1" "$2" && test -x "$3"'
        argv = ("/bin/sh", "-c", look, "prepare", *folders, self._tool)
        program = Program(argv=argv, env=self._paths.environment, cwd=self._paths.home)
        how = await asyncio.shield((await self._cell.run(PREFIX, program)).ended)
        if how.code != 0:
            raise NotFound(
                f"{self.program} wants {self._proton.runtime}, which is not in the library",
                hint=f"Unpack it there: {RUNTIMES_FOLDER}/{self._proton.runtime}/proton",
            )

    @property
    def _tool(self) -> str:
        return f"{RUNTIMES}/{self._proton.runtime}/proton"

    async def launch(self, variables: dict[str, str]) -> None:
        """Starts Proton with the program; raises `Unsupported`."""
        launch, paths = self._proton, self._paths
        own_folder = posixpath.dirname(self._program_path) if self._program_path.startswith("/") else paths.home
        folders = {"program": own_folder, "game": paths.game, "home": paths.home}
        program = Program(
            argv=(self._tool, _VERB, self._program_path, *launch.command[1:]),
            env=paths.environment | self._base | variables | proton_variables(launch, paths) | launch.environment,
            cwd=folders[launch.directory],
            oom_score_adj=OOM_SCORE_ADJ,
            file_bytes=self._file_bytes,
        )
        try:
            self._part = await run_guest(self._cell, program, self._display)
        except PartFailed as error:
            raise Unsupported(f"{launch.runtime} can't be started: {error.message}", hint="Unpack it again") from error

    async def wait(self) -> GuestExit:
        """As of a native program, and what Wine said of it."""
        how = await super().wait()
        trouble = self._output.trouble(self._loop.time(), has_failed=how.exit_code != 0)
        return how if trouble is None else GuestExit(how.exit_code, how.signal, trouble.text)
