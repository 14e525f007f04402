"""Asks the cell, before a native game starts, whether it has the libraries that the game's program needs.

The cell looks at its own file system with its own Python, so that the answer holds for any kind of cell, and whatever
a game's files say, it is the cell that reads them.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import structlog

from dillinger_contracts.cell import PYTHON
from dillinger_contracts.errors import DillingerError, NotFound
from dillinger_contracts.game import NativeLaunch
from dillinger_contracts.wine import RUNTIMES_FOLDER
from dillinger_programs.alone import libraries_program
from dillinger_programs.debian import package_of
from dillinger_programs.libraries import folders_of_runtime
from dillinger_seat.cell.cell import Cell, Program
from dillinger_seat.cell.paths import CellPaths

log = structlog.get_logger()

LIBRARIES = "libraries"
_PACKAGES_NAMED = 4


def runtime_folders(runtimes_dir: Path, runtime: str, paths: CellPaths) -> tuple[str, ...]:
    """Where the cell has the libraries of `runtime`, a folder of `runtimes_dir`; raises `NotFound` without any."""
    folder = runtimes_dir / runtime
    found = () if folder.is_symlink() else folders_of_runtime(str(folder))
    if not found:
        raise NotFound(
            f"The library has no runtime {runtime} with libraries",
            hint=f"Unpack it there: {RUNTIMES_FOLDER}/{runtime}, or let the game choose another",
        )
    return tuple(str(PurePosixPath(paths.runtimes) / PurePosixPath(one).relative_to(runtimes_dir)) for one in found)


async def library_folders(
    cell: Cell, paths: CellPaths, program: str, launch: NativeLaunch, environment: dict[str, str]
) -> str:
    """The folders to name in LD_LIBRARY_PATH beside those of `environment`, as it has them; empty where the program
    finds everything by itself.

    Raises `NotFound` with the names of what is missing. A check that fails for another reason keeps no game from
    being tried.
    """
    search, name = environment.get("LD_LIBRARY_PATH", ""), program.rpartition("/")[2]
    game = "" if launch.libraries == "system" else paths.game
    runtimes = paths.runtimes if launch.libraries == "auto" else ""
    argv = (PYTHON, "-I", "-S", "-c", libraries_program(), "{ready_fd}", game, runtimes, search, program)
    own = {name: value for name, value in environment.items() if not name.startswith(("LD_", "PYTHON", "GLIBC_"))}
    try:
        part = await cell.run(LIBRARIES, Program(argv=argv, env=own, cwd=paths.home, wants_ready=True))
        line = await part.ready
    except DillingerError as error:
        log.warning("libraries_not_looked_at", reason=error.message)
        return ""
    match line.partition(" "):
        case "libraries", _, names:
            missing = names.split()
            raise NotFound(f"{name} needs {', '.join(missing)}, which the cell does not have", hint=_hint(missing))
        case "interpreter", _, path:
            raise NotFound(f"{name} needs the loader {path}, which the cell does not have", hint=_hint([path]))
        case "folders", _, folders:
            log.info("own_libraries_used", folders=folders)
            return folders
        case _:
            return ""


def _hint(missing: list[str]) -> str:
    """Where what is missing may come from."""
    packages = dict.fromkeys(package for one in missing if (package := package_of(one)))
    named = ", ".join(list(packages)[:_PACKAGES_NAMED])
    install = f"Install what brings it (Debian calls it {named})" if named else "Install what brings it"
    return f"{install}, put it into the game's lib folder, or a runtime that has it into the library's runtimes"
