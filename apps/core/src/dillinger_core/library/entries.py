"""Adds games to the library volume, changes their `game.toml`, and removes them. Blocking: run in a thread.

A game appears whole or not at all: it is put together in a folder that no scan looks at, and renamed. A change says
which version of the file it is of, so that of two people who edit at once the second is told.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dillinger_contracts import Conflict, Game, Invalid, LaunchSpec, NotFound
from dillinger_contracts.game import UNPACKED_FOLDER
from dillinger_contracts.model import GAME_ID_PATTERN
from dillinger_contracts.signaling import first_fault
from dillinger_core.private_files import write_private
from dillinger_programs import Format
from dillinger_programs.kinds import identify_file

from . import volume
from .appimages import unpack
from .copying import Progress, copy_game
from .game_file import changed_file, new_file
from .scan import GAME_FILE, MAX_GAME_FILE_BYTES, parse_game

STAGING_PREFIX = ".incoming-"
TRASH_PREFIX = ".removed-"
_GAME_ID = re.compile(GAME_ID_PATTERN)


class ChangedMeanwhile(Conflict):
    """Somebody else changed the game since it was read."""

    code = "changed_meanwhile"


def free_id(root: Path, wanted: str) -> str:
    """`wanted`, or it with a number, so that no folder of the library has it."""
    base = wanted if _GAME_ID.fullmatch(wanted) else "game"
    numbered = (f"{base[:60].rstrip('-._')}-{number}" for number in range(2, 10_000))
    return next(one for one in (base, *numbered) if not os.path.lexists(root / one))


def ensure_free(root: Path, game_id: str) -> None:
    """Raises `Invalid` for what is no id, and `Conflict` for one that is taken."""
    if not _GAME_ID.fullmatch(game_id):
        raise Invalid(
            f"{game_id[:80]!r} can't be a game's id",
            field="game_id",
            hint="Lower-case letters and digits, with dots, dashes and underscores between them",
        )
    if os.path.lexists(root / game_id):
        raise Conflict(f"The library has a game {game_id} already", hint="Choose another id, or remove that game first")


def add(root: Path, game: Game, source: Path, parts: tuple[str, ...], progress: Progress) -> None:
    """Copies `source/parts…` into the library as `game`; raises what `copy_game` does, and `Conflict`."""
    ensure_free(root, game.game_id)
    staging = root / f"{STAGING_PREFIX}{secrets.token_hex(6)}"
    try:
        copy_game(source, parts, staging, progress, executable=frozenset({program_path(game.launch) or ""}))
        (staging / GAME_FILE).unlink(missing_ok=True)
        _unpack(game, staging, progress)
        _write_public(staging / GAME_FILE, new_file(game))
        ensure_free(root, game.game_id)
        staging.rename(root / game.game_id)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _unpack(game: Game, folder: Path, progress: Progress) -> None:
    """Unpacks the AppImage that `game` starts, if it does."""
    shutil.rmtree(folder / UNPACKED_FOLDER, ignore_errors=True)
    inside = program_path(game.launch)
    if game.launch.kind != "native" or inside is None or (folder / inside).is_symlink():
        return
    program = identify_file(folder / inside)
    if program is not None and program.format is Format.APPIMAGE:
        unpack(folder / inside, folder / UNPACKED_FOLDER / Path(inside).name, progress)


def add_entry(root: Path, game: Game) -> None:
    """Adds a game without files: a program of the machine."""
    ensure_free(root, game.game_id)
    staging = root / f"{STAGING_PREFIX}{secrets.token_hex(6)}"
    staging.mkdir(mode=0o755)
    try:
        _write_public(staging / GAME_FILE, new_file(game))
        staging.rename(root / game.game_id)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def program_path(launch: LaunchSpec) -> str | None:
    """The program inside the game's own folder that `launch` starts; None where it is elsewhere."""
    command = getattr(launch, "command", None)
    return command[0][2:] if command and command[0].startswith("./") else None


def load(root: Path, game_id: str) -> tuple[Game, str]:
    """The game and the version of its file; raises `NotFound`, or `Invalid` with what is wrong in the file."""
    if not _GAME_ID.fullmatch(game_id):
        raise NotFound("There is no such game in the library")
    version = volume.fingerprint(root, game_id, GAME_FILE)
    if version is None:
        raise NotFound("There is no such game in the library")
    return parse_game(game_id, _content(root, game_id)), version


def change(root: Path, game_id: str, version: str, values: dict[str, Any]) -> tuple[Game, str]:
    """Writes `values` over the game's own; raises `ChangedMeanwhile`, `NotFound`, `Invalid`."""
    game, present = load(root, game_id)
    if version != present:
        raise ChangedMeanwhile(
            "Somebody changed this game since you opened it", hint="Load it again, then make your change"
        )
    # Once a person has edited it, a game that was found on the machine is theirs.
    merged = game.model_dump(by_alias=True) | values | {"source": "file"}
    try:
        wanted = Game.model_validate(merged)
    except ValidationError as error:
        raise first_fault(error) from error
    _write_public(root / game_id / GAME_FILE, changed_file(_content(root, game_id), wanted))
    return load(root, game_id)


def remove(root: Path, game_id: str) -> None:
    """Removes the game with its files; players' saves are elsewhere and stay. Raises `NotFound`."""
    if not _GAME_ID.fullmatch(game_id) or not (root / game_id).is_dir() or (root / game_id).is_symlink():
        raise NotFound("There is no such game in the library")
    trash = root / f"{TRASH_PREFIX}{secrets.token_hex(6)}"
    (root / game_id).rename(trash)
    shutil.rmtree(trash, ignore_errors=True)


def sweep(root: Path) -> None:
    """Removes what an addition or a removal that was cut off has left. Call it before any begins."""
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.name.startswith((STAGING_PREFIX, TRASH_PREFIX)) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _content(root: Path, game_id: str) -> bytes:
    return volume.read_inside(root, game_id, GAME_FILE, limit_bytes=MAX_GAME_FILE_BYTES)


def _write_public(path: Path, content: bytes) -> None:
    write_private(path, content)
    path.chmod(0o644)
