"""Which libraries a native game would lack, seen from outside through the eyes that a cell of this machine would have,
and where they could come from: a package of the machine, or a runtime of the library.

A package is named by the machine's own lists: apt-file's where they are here, else the name that Debian's rule gives,
if apt knows it. Blocking: run in a thread.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from dillinger_contracts import Game, NativeLaunch
from dillinger_contracts.wine import RUNTIMES, RUNTIMES_FOLDER
from dillinger_programs import libraries
from dillinger_programs.debian import package_of
from dillinger_programs.elf import Unreadable

from .found_games import CELL_PATH

_GAME = "/game"
_TIMEOUT_S = 5.0
_PACKAGES_NAMED = 4
"""Of each game: a look into apt-file's list takes a second."""


def missing_libraries(root: Path, game: Game) -> list[str]:
    """What a native game's program lacks of libraries; empty also when that can't be told (a script)."""
    launch = game.launch
    assert isinstance(launch, NativeLaunch)
    word = launch.command[0]
    program = f"{_GAME}/{word[2:]}" if word.startswith("./") else shutil.which(word, path=CELL_PATH)
    if program is None:
        return [f"its program {word} is not installed"]
    runtimes = _runtimes(root)
    if launch.runtime is not None and not runtimes.get(launch.runtime):
        return [f"needs the runtime {launch.runtime}: unpack it into the library's folder {RUNTIMES_FOLDER}"]
    search = tuple(part for part in launch.environment.get("LD_LIBRARY_PATH", "").split(":") if part)
    search += runtimes.get(launch.runtime or "", ())
    own = () if launch.libraries == "system" else libraries.own_folders(_GAME)
    if launch.libraries == "auto":
        own += tuple(folder for folders in runtimes.values() for folder in folders)
    view = libraries.View(game_dir=str(root / game.game_id), runtimes=(RUNTIMES, str(root / RUNTIMES_FOLDER)))
    try:
        lacks = libraries.lacks(view, program, search=search, own=own)
    except Unreadable:
        return []
    if not lacks:
        return []
    if lacks.interpreter:
        return [f"needs the loader {lacks.interpreter}{_from_package(lacks.interpreter)}"]
    return [
        f"needs {name}{_from_package(name) if number < _PACKAGES_NAMED else ''}{_from_runtime(view, name, runtimes)}"
        for number, name in enumerate(lacks.libraries)
    ]


def _runtimes(root: Path) -> dict[str, tuple[str, ...]]:
    """Runtime → its folders, as a cell has them; Protons, which are no help to a native game, have none."""
    below = root / RUNTIMES_FOLDER
    try:
        names = sorted(entry.name for entry in below.iterdir() if entry.is_dir() and not entry.is_symlink())
    except OSError:
        return {}
    found = {name: libraries.folders_of_runtime(f"{below}/{name}") for name in names[: libraries.MAX_RUNTIMES]}
    return {name: tuple(RUNTIMES + one.removeprefix(str(below)) for one in folders) for name, folders in found.items()}


def _from_runtime(view: libraries.View, name: str, runtimes: dict[str, tuple[str, ...]]) -> str:
    try:
        having = [one for one, folders in runtimes.items() if any(view.read(f"{place}/{name}") for place in folders)]
    except Unreadable:
        return ""
    return f"; the runtime {having[0]} has it" if having else ""


def _from_package(name: str) -> str:
    package = _package_with(name)
    return f": package {package}" if package else ""


@lru_cache(maxsize=512)
def _package_with(name: str) -> str | None:
    """The package with the library `name`, where a list of this machine has it."""
    if name.startswith("-"):
        return None
    looked_up = _said("apt-file", "--package-only", "--fixed-string", "search", name if "/" in name else f"/{name}")
    if looked_up:
        return looked_up.split()[0]
    guess = package_of(name)
    return guess if guess and _said("apt-cache", "--quiet", "show", "--no-all-versions", guess) else None


def _said(command: str, *arguments: str) -> str:
    """What a command of the machine answers; nothing where it is not here, fails or takes long."""
    program = shutil.which(command)
    if program is None:
        return ""
    try:
        answer = subprocess.run(
            (program, *arguments), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
