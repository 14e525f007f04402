"""Asks the cell, before a native game starts, whether it has the libraries that the game's program needs.

The cell looks at its own file system with its own Python, so that the answer holds for any kind of cell, and whatever
a game's files say, it is the cell that reads them.
"""

from __future__ import annotations

import structlog

from dillinger_contracts.cell import PYTHON
from dillinger_contracts.errors import DillingerError, NotFound
from dillinger_contracts.wine import RUNTIMES
from dillinger_programs.alone import libraries_program
from dillinger_seat.cell.cell import Cell, Program
from dillinger_seat.cell.paths import CellPaths

log = structlog.get_logger()

LIBRARIES = "libraries"
_HINT = "Install what brings it, or put it into the game's lib folder"


async def library_folders(cell: Cell, paths: CellPaths, program: str, environment: dict[str, str]) -> str:
    """The folders to name in LD_LIBRARY_PATH, as it has them; empty where the program finds everything by itself.

    Raises `NotFound` with the names of what is missing. A check that fails for another reason keeps no game from
    being tried.
    """
    search, name = environment.get("LD_LIBRARY_PATH", ""), program.rpartition("/")[2]
    argv = (PYTHON, "-I", "-S", "-c", libraries_program(), "{ready_fd}", paths.game, RUNTIMES, search, program)
    own = {name: value for name, value in environment.items() if not name.startswith(("LD_", "PYTHON", "GLIBC_"))}
    try:
        part = await cell.run(LIBRARIES, Program(argv=argv, env=own, cwd=paths.home, wants_ready=True))
        line = await part.ready
    except DillingerError as error:
        log.warning("libraries_not_looked_at", reason=error.message)
        return ""
    match line.partition(" "):
        case "libraries", _, names:
            raise NotFound(f"{name} needs {names.replace(' ', ', ')}, which the cell does not have", hint=_HINT)
        case "interpreter", _, path:
            raise NotFound(f"{name} needs the loader {path}, which the cell does not have", hint=_HINT)
        case "folders", _, folders:
            log.info("own_libraries_used", folders=folders)
            return ":".join(part for part in (search, folders) if part)
        case _:
            return ""
