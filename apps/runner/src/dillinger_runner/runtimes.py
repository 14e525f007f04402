"""What games can be played with: the machine's Wine, and what lies in the library: Protons, and libraries for native
games (Steam's runtimes, and what is laid out like them).

Read each time that somebody asks: the volume is the truth. Blocking. Nothing here is run but `wine --version`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Literal

from dillinger_contracts import DillingerError, NativeLaunch
from dillinger_contracts.model import WireModel
from dillinger_contracts.wine import RUNTIMES_FOLDER, ProtonLaunch, WineLaunch
from dillinger_programs.libraries import folders_of_runtime
from dillinger_programs.wine import GET_32_BIT, GET_WINE, has_32_bit

from .library import Library

MOST = 256
WINE_S_OWN = ("dxvk", "vkd3d", "winetricks")
"""What folders are called whose content goes into Wine's prefixes: no Protons."""
_VERSION_BYTES = 200
_VERSION_TIMEOUT_S = 10.0
_GET_PROTON = f"Unpack a GE-Proton or umu-proton archive into the library's folder {RUNTIMES_FOLDER}/"
_GET_LIBRARIES = f"Unpack a Steam runtime, or a folder with lib folders, into the library's folder {RUNTIMES_FOLDER}/"


class Runtime(WireModel):
    """What some games are played with, there or wanted."""

    name: str
    kind: Literal["wine", "proton", "libraries"]
    version: str | None = None
    """As it says itself; None where it does not."""
    is_installed: bool
    is_verified: bool
    """Whether a release of Dillinger was tried with it; no Proton was."""
    has_32_bit: bool | None = None
    """Whether it starts 32-bit programs too; None where only its cells could tell."""
    problem: str | None = None
    hint: str | None = None
    needed_by: tuple[str, ...] = ()
    """Games of the library that name it."""


def runtimes(library_dir: Path, *, has_own_wine: bool) -> list[Runtime]:
    """Wine first, then every Proton and every folder of libraries that is there or that a game wants.

    `has_own_wine` is of a backend whose cells bring theirs."""
    wanted = games_by_runtime(library_dir)
    folders = _folders(library_dir / RUNTIMES_FOLDER)
    there = {folder.name: folder for folder in folders if not folder.name.startswith(WINE_S_OWN)}
    for_native = {name for kind, name in wanted if kind == "libraries"}
    for_native |= {name for name, folder in there.items() if _has_libraries(folder)}
    protons = there.keys() - for_native | {name for kind, name in wanted if kind == "proton"}
    return [
        _wine(wanted.get(("wine", "wine"), ()), has_own_wine=has_own_wine),
        *(_proton(name, there.get(name), wanted.get(("proton", name), ())) for name in sorted(protons)),
        *(_libraries(name, there.get(name), wanted.get(("libraries", name), ())) for name in sorted(for_native)),
    ]


def games_by_runtime(library_dir: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """(kind, name) of each runtime → the games of the library that want it."""
    library, found = Library(library_dir), dict[tuple[str, str], tuple[str, ...]]()
    for folder in _folders(library_dir):
        try:
            launch = library.game(folder.name).launch
        except DillingerError:
            continue
        if isinstance(launch, ProtonLaunch):
            key = ("proton", launch.runtime)
        elif isinstance(launch, WineLaunch):
            key = ("wine", "wine")
        elif isinstance(launch, NativeLaunch) and launch.runtime is not None:
            key = ("libraries", launch.runtime)
        else:
            continue
        found[key] = (*found.get(key, ()), folder.name)
    return found


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink())
    except OSError:
        return []


def _wine(needed_by: tuple[str, ...], *, has_own_wine: bool) -> Runtime:
    if has_own_wine:
        return Runtime(name="wine", kind="wine", is_installed=True, is_verified=True, needed_by=needed_by)
    version = _said(["wine", "--version"])
    if version is None:
        return Runtime(
            name="wine", kind="wine", is_installed=False, is_verified=True, needed_by=needed_by,
            problem="There is no Wine on this machine", hint=GET_WINE,
        )  # fmt: skip
    is_whole = has_32_bit()
    return Runtime(
        name="wine", kind="wine", version=version, is_installed=True, is_verified=True, needed_by=needed_by,
        has_32_bit=is_whole, hint=None if is_whole else f"For 32-bit programs: {GET_32_BIT}",
    )  # fmt: skip


def _said(command: list[str]) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[-1][:_VERSION_BYTES] if lines else None


def _proton(name: str, folder: Path | None, needed_by: tuple[str, ...]) -> Runtime:
    problem = hint = None
    if folder is None:
        problem, hint = "It is not in the library", _GET_PROTON
    elif not _is_program(folder / "proton"):
        problem, hint = "It has no program named proton", _GET_PROTON
    elif not (folder / "toolmanifest.vdf").is_file():
        problem, hint = "It has no toolmanifest.vdf, so its archive was not unpacked whole", _GET_PROTON
    version = _version(folder / "version") if folder is not None else None
    return Runtime(
        name=name, kind="proton", version=version, is_installed=problem is None, is_verified=False,
        problem=problem, hint=hint, needed_by=needed_by,
    )  # fmt: skip


def _has_libraries(folder: Path) -> bool:
    return not (folder / "proton").exists() and bool(folders_of_runtime(str(folder)))


def _libraries(name: str, folder: Path | None, needed_by: tuple[str, ...]) -> Runtime:
    problem = hint = None
    if folder is None:
        problem, hint = "It is not in the library", _GET_LIBRARIES
    elif not _has_libraries(folder):
        problem, hint = "It has no folder of libraries, such as lib or usr/lib/x86_64-linux-gnu", _GET_LIBRARIES
    return Runtime(
        name=name, kind="libraries", is_installed=problem is None, is_verified=problem is None,
        problem=problem, hint=hint, needed_by=needed_by,
    )  # fmt: skip


def _is_program(path: Path) -> bool:
    try:
        return path.is_file() and bool(path.stat().st_mode & 0o111)
    except OSError:
        return False


def _version(path: Path) -> str | None:
    """The second word of a Proton's `version` file (its first is the time that it was made at), or all of it."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            words = file.read(_VERSION_BYTES).decode("utf-8", "replace").split()
    except OSError:
        return None
    return " ".join(words[1:] or words) or None
