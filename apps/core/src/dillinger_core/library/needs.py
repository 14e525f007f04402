"""What would keep a game from starting, told before anybody tries: its program, and the libraries that it needs.

Seen from outside, through the eyes that a cell of this machine would have; a cell looks for itself when it starts. A
library's package is named where apt-file's list is on the machine. Blocking: run in a thread.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from dillinger_contracts import Game, NativeLaunch, NotFound
from dillinger_programs import libraries
from dillinger_programs.elf import Unreadable
from dillinger_programs.kinds import identify_open
from dillinger_programs.wine import GET_32_BIT, has_32_bit, wine_loader

from . import volume
from .candidates import about
from .entries import program_path
from .found_games import CELL_PATH

_APT_FILE_TIMEOUT_S = 5.0
_PACKAGES_NAMED = 4
"""Of each game: a look into apt-file's list takes a second."""


def unmet(root: Path, game: Game) -> list[str]:
    """Each thing that is missing, as a sentence for people; empty when the game can be tried."""
    inside = program_path(game.launch)
    if inside is not None:
        try:
            with volume.opened(root / game.game_id, tuple(inside.split("/"))) as descriptor:
                program = identify_open(descriptor, name=inside)
        except NotFound:
            # A link inside the folder is none of ours to follow, and may well lead to the program.
            return [] if (root / game.game_id / inside).is_symlink() else [f"its program {inside} is not there"]
        if program is None:
            return [f"{inside} is no program"]
        if game.launch.kind == "native" and program.system != "linux":
            return [f"{inside} is no Linux program, but a {about(program)}: start it as wine"]
        if game.launch.kind == "wine" and program.system != "windows":
            return [f"{inside} is no Windows program, but a {about(program)}: start it as native"]
        if game.launch.kind == "wine" and program.bits == 32 and wine_loader() and not has_32_bit():
            return [f"{inside} is a 32-bit program, and the Wine here starts 64-bit ones only: {GET_32_BIT}"]
    return missing_libraries(root, game) if isinstance(game.launch, NativeLaunch) else []


def missing_libraries(root: Path, game: Game) -> list[str]:
    """What a native game's program lacks of libraries; empty also when that can't be told (a script)."""
    assert isinstance(game.launch, NativeLaunch)
    word = game.launch.command[0]
    program = f"/game/{word[2:]}" if word.startswith("./") else shutil.which(word, path=CELL_PATH)
    if program is None:
        return [f"its program {word} is not installed"]
    search = tuple(part for part in game.launch.environment.get("LD_LIBRARY_PATH", "").split(":") if part)
    view = libraries.View(game_dir=str(root / game.game_id))
    try:
        lacks = libraries.lacks(view, program, search=search, own=libraries.own_folders("/game"))
    except Unreadable:
        return []
    if not lacks:
        return []
    if lacks.interpreter:
        return [f"needs the loader {lacks.interpreter}{_from_package(lacks.interpreter)}"]
    return [
        f"needs {name}{_from_package(name) if number < _PACKAGES_NAMED else ''}"
        for number, name in enumerate(lacks.libraries)
    ]


def _from_package(name: str) -> str:
    package = _package_with(name)
    return f": package {package}" if package else ""


@lru_cache(maxsize=512)
def _package_with(name: str) -> str | None:
    """The Debian package with the library `name`, where apt-file and its list are here."""
    program = shutil.which("apt-file")
    if program is None or name.startswith("-"):
        return None
    command = (program, "--package-only", "--fixed-string", "search", name if "/" in name else f"/{name}")
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_APT_FILE_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return next(iter(answer.stdout.split()), None) if answer.returncode == 0 else None
