"""An AppImage that was unpacked when its game was added is started as its own runtime would start it.

One that was not unpacks itself in the cell's scratch space; a cell has no FUSE to mount it by.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from dillinger_contracts.game import UNPACKED_FOLDER
from dillinger_seat.cell.paths import CellPaths

START = "AppRun"


def unpacked(library_folder: Path, program: str) -> str | None:
    """Where, below the game's folder, `program` (as a command names it) was unpacked to; None where it was not."""
    folder = f"{UNPACKED_FOLDER}/{PurePosixPath(program).name}"
    is_there = program.startswith("./") and os.path.lexists(library_folder / folder / START)
    return folder if is_there else None


def environment(program: str, app_dir: str, paths: CellPaths) -> dict[str, str]:
    """What the runtime tells what it starts (AppImage's documentation, "Environment variables")."""
    return {
        "APPDIR": f"{paths.game}/{app_dir}",
        "APPIMAGE": f"{paths.game}/{program.removeprefix('./')}",
        "ARGV0": program,
        "OWD": paths.home,
    }
