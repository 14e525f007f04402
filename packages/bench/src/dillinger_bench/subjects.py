"""The games that `bench launches` plays: what anybody can install, what Wine brings, a Windows program of our own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts.errors import Unavailable

from .house import House
from .windows.build import Bits, build

_ENTRY = """schema = 1
title = {title}

[launch]
kind = "wine"
command = {command}
"""
_OURS = "windows.exe"


@dataclass(frozen=True, slots=True)
class Subject:
    """A game of the library that is played."""

    name: str
    game_id: str
    package: str | None = None
    """The Debian package that brings it; None where the bench brings it itself."""
    command: tuple[str, ...] = ()
    """Of a Windows program, which no package makes a game of."""
    bits: Bits | None = None
    """Of the program that the bench builds for it."""


def _drawn(name: str, game_id: str, *words: str, bits: Bits = 64) -> Subject:
    return Subject(name, game_id, command=(f"./{_OURS}", *words), bits=bits)


SUBJECTS = (
    Subject("test card", "testcard-light"),
    Subject("chocolate-doom", "io.github.freedoom.phase1", "freedoom"),
    Subject("extremetuxracer", "etr", "extremetuxracer"),
    Subject("openttd", "openttd", "openttd"),
    Subject("gnome-mines", "org.gnome.mines", "gnome-mines"),
    Subject("supertux", "supertux2", "supertux"),
    Subject("Wine's notepad", "notepad", "wine", ("notepad",)),
    Subject("Wine's Minesweeper", "winemine", "wine", ("winemine",)),
    _drawn("Windows, GDI", "windows-gdi", "window"),
    _drawn("Windows, OpenGL", "windows-gl", "gl", "on"),
    _drawn("Windows, Direct3D 9", "windows-d3d9", "d3d9", "on"),
    _drawn("Windows, Direct3D 11", "windows-d3d11", "d3d11", "on"),
    _drawn("Windows, GDI, 32 bit", "windows-gdi-32", "window", bits=32),
)


def prepare(
    house: House, subjects: Sequence[Subject], tell: Callable[[str], None], *, has_own_wine: bool = False
) -> None:
    """Gives `house` the subjects that no package brings, and Wine's template, which an installation makes once."""
    for subject in subjects:
        if subject.command:
            try:
                add(house.library_dir, subject)
            except Unavailable as error:
                tell(f"{subject.name}: {error.message}. {error.hint}")
    if not has_own_wine and any(subject.command for subject in subjects):
        command = [sys.executable, "-m", "dillinger_seat", "--wine-template", str(house.state_dir / "runner/wine")]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)  # what it lacks is told by the starts


def add(library_dir: Path, subject: Subject) -> None:
    """A Windows program as a game; its entry last, so that nobody meets it half made."""
    folder = library_dir / subject.game_id
    folder.mkdir(exist_ok=True)
    if subject.bits is not None:
        build(folder / _OURS, subject.bits)
    text = _ENTRY.format(title=json.dumps(subject.name), command=json.dumps(subject.command))
    (folder / "game.toml").write_text(text, "utf-8")
