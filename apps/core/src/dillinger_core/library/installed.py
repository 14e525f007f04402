"""Takes over what an installer left in a player's folders, as the game's own. Blocking: run in a thread.

The installer was played like a game, so what it left is its player's saves; they come as the archive that saves leave
in, and nothing in it is believed. A Windows drive becomes a layer that every player's drive of this game lies over
(`.dillinger/prefix`), with its registry; the rest becomes files of the game. Then the likeliest of the new programs is
what the game starts, until an admin chooses another.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import IO

from dillinger_contracts import Conflict, Game, NotFound, WineLaunch
from dillinger_contracts.game import INSTALLED_PREFIX
from dillinger_saves.archive import CHANGES, HOME, Progress
from dillinger_saves.layout import PREFIXES
from dillinger_saves.restore import unpack

from . import entries
from .candidates import Candidate, launch_of, rank
from .scan import GAME_FILE
from .survey import survey

INSTALLED_FOLDER = "installed"
"""In a native game's folder: what its installer left in the player's home."""
_NOT_THE_GAME = (".dillinger", ".cache", ".config", ".local")


def take_over(root: Path, game_id: str, archive: IO[bytes], progress: Progress) -> list[Candidate]:
    """Makes what is in `archive` part of the game, and returns the programs that are new, the likeliest first.

    Raises `Conflict` where the game is no installer, `NotFound` where the installer left no program, and what
    `restore.unpack` does; the game is as it was then.
    """
    game, version = entries.load(root, game_id)
    if not game.is_installer:
        raise Conflict(f"{game.title} is no installer", hint="Only what an installer left is taken over")
    room = root / f"{entries.STAGING_PREFIX}{secrets.token_hex(6)}"
    room.mkdir(mode=0o700)
    try:
        unpack(room, game_id, archive, progress, limit_bytes=game.limits.saves_bytes)
        found = _found(_sorted(room, game), game)
        _merge(room / "game", root / game_id)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    launch = launch_of(found[0])
    assert launch is not None, "chosen since it can be started"
    if isinstance(game.launch, WineLaunch) and isinstance(launch, WineLaunch):
        launch = game.launch.model_copy(update={"command": launch.command, "directory": "program"})
    entries.change(root, game_id, version, {"launch": launch.model_dump(), "is_installer": False})
    return found


def _sorted(room: Path, game: Game) -> Path:
    """Lays out in `room/game` what belongs to the game."""
    made = room / "game"
    (room / CHANGES).rename(made)
    if isinstance(game.launch, WineLaunch):
        prefixes = room / HOME / PREFIXES
        drive = prefixes / game.launch.prefix
        if drive.is_dir() and not drive.is_symlink():
            target = made / INSTALLED_PREFIX
            shutil.rmtree(made / ".dillinger", ignore_errors=True)
            target.parent.mkdir(mode=0o755)
            drive.rename(target)
            notes = prefixes / f"{game.launch.prefix}.json"
            if notes.is_file() and not notes.is_symlink():
                notes.rename(target.with_suffix(".json"))
        return made
    left = [entry for entry in (room / HOME).iterdir() if entry.name not in _NOT_THE_GAME]
    if left:
        folder = made / INSTALLED_FOLDER
        if folder.is_symlink() or folder.exists():
            raise Conflict(f"The installer made a folder {INSTALLED_FOLDER} beside itself, which has another use here")
        folder.mkdir(mode=0o755)
        for entry in left:
            entry.rename(folder / entry.name)
    return made


def _found(made: Path, game: Game) -> list[Candidate]:
    """The programs that an installer has left; raises `NotFound` where there is none."""
    (made / GAME_FILE).unlink(missing_ok=True)
    subprocess.run(["chmod", "-R", "u+rwX,go+rX", "--", str(made)], check=True)
    before = entries.program_path(game.launch)
    found = survey(made.parent, made.name).found
    ranked = [one for one in rank(found, game.title) if one.kind is not None and one.path != before]
    good = [one for one in ranked if one.doubt is None]
    if not ranked:
        raise NotFound(
            "The installer left no program that could be started",
            hint="Play it, click through to its end, stop it, then try again",
        )
    return [*good, *(one for one in ranked if one not in good)]


def _merge(source: Path, target: Path) -> None:
    """Moves all of `source` into `target`, over what is there; both are on one file system, and follow no link."""
    for entry in list(source.iterdir()):
        place = target / entry.name
        is_folder = entry.is_dir() and not entry.is_symlink()
        if is_folder and place.is_dir() and not place.is_symlink():
            _merge(entry, place)
            continue
        if os.path.lexists(place):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink()
        entry.rename(place)
