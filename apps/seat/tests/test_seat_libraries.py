"""A native game's libraries are looked for before it starts: missing ones are named, its own ones are used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from dillinger_contracts.lifecycle import EndReason
from dillinger_programs.libraries import View

PYTHON = Path(os.path.realpath("/usr/bin/python3"))


def rename_a_library(program: Path) -> tuple[str, str]:
    """Makes `program`, a copy of Python, need one library by another name; the real one's path and the new name."""
    view = View()
    elf = view.elf(str(PYTHON))
    assert elf is not None
    old = next(name for name in elf.needed if not name.startswith(("libc.", "libm.", "libdl", "libpthread", "libutil")))
    new = "liq" + old[3:]
    program.write_bytes(PYTHON.read_bytes().replace(old.encode() + b"\0", new.encode() + b"\0"))
    program.chmod(0o755)
    return view.cached(old)[0], new


async def test_a_missing_library_is_named_and_nothing_is_started(rig: Any) -> None:
    _, missing = rename_a_library(rig.game_dir / "game")
    rig.start("./game", "-I", "/game/window.py")
    end = await rig.ended()
    assert end.reason is EndReason.REFUSED
    assert f"game needs {missing}, which the cell does not have" in end.message
    assert rig.traces() == []


async def test_a_library_of_the_games_own_folder_is_used(rig: Any) -> None:
    real, name = rename_a_library(rig.game_dir / "game")
    (rig.game_dir / "lib").mkdir()
    shutil.copy(real, rig.game_dir / "lib" / name)
    rig.start("./game", "-I", "/game/window.py")
    await rig.ready()
    await rig.printed("window is 640x480")


def runtime_with(rig: Any, real: str, name: str) -> Path:
    """A runtime laid out as Steam's, with one library."""
    folder: Path = rig.root / "library/runtimes/sniper/files/lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    shutil.copy(real, folder / name)
    return folder


async def test_a_runtime_of_the_library_gives_what_is_lacking_where_the_game_wants_that(rig: Any) -> None:
    real, name = rename_a_library(rig.game_dir / "game")
    runtime_with(rig, real, name)
    rig.start("./game", "-I", "/game/window.py", libraries="runtime/sniper")
    await rig.ready()
    await rig.printed("window is 640x480")


async def test_a_game_that_wants_nothing_but_the_systems_is_told_what_it_lacks(rig: Any) -> None:
    real, name = rename_a_library(rig.game_dir / "game")
    runtime_with(rig, real, name)
    rig.start("./game", "-I", "/game/window.py", libraries="system")
    end = await rig.ended()
    assert (end.reason, f"game needs {name}" in end.message) == (EndReason.REFUSED, True)


async def test_a_runtime_that_is_not_there_is_named(rig: Any) -> None:
    rig.start("/usr/bin/python3", "-I", "/game/window.py", libraries="runtime/soldier")
    end = await rig.ended()
    assert (end.reason, "The library has no runtime soldier" in end.message) == (EndReason.REFUSED, True)
