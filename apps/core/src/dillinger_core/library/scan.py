"""Compares the library volume with the index and says what changed. Blocking, without the database: run in a thread.

A broken `game.toml` becomes an entry that says what is wrong with it; it never keeps the others from being seen.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from dillinger_contracts import DillingerError, Game, Invalid
from dillinger_contracts.model import GAME_ID_PATTERN
from dillinger_contracts.signaling import first_fault
from dillinger_core.store import GameEntry

from . import volume

GAME_FILE = "game.toml"
MAX_GAME_FILE_BYTES = 256 * 1024
MAX_GAMES = 10_000
PLAYABLE_KINDS = frozenset({"native", "wine", "proton"})
_GAME_ID = re.compile(GAME_ID_PATTERN)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a scan found different from the index."""

    changed: tuple[GameEntry, ...]
    gone: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


def scan(root: Path, known: Mapping[str, str]) -> Changes:
    """What is new, other or gone in `root`, against `known` (game id → fingerprint)."""
    changed: list[GameEntry] = []
    seen: set[str] = set()
    for game_id in game_ids(root):
        mark = volume.fingerprint(root, game_id, GAME_FILE)
        if mark is None:
            continue
        seen.add(game_id)
        if known.get(game_id) != mark:
            changed.append(read_entry(root, game_id, mark))
    return Changes(tuple(changed), tuple(sorted(known.keys() - seen)))


def game_ids(root: Path) -> list[str]:
    """The folders of `root` whose names can be game ids."""
    try:
        with os.scandir(root) as folders:
            names = [f.name for f in folders if _GAME_ID.fullmatch(f.name) and f.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted(names)[:MAX_GAMES]


def read_game(root: Path, game_id: str) -> Game:
    """The game in `root/game_id`; raises a `DillingerError` that says what is wrong with its file."""
    return parse_game(game_id, volume.read_inside(root, game_id, GAME_FILE, limit_bytes=MAX_GAME_FILE_BYTES))


def parse_game(game_id: str, content: bytes) -> Game:
    """The game that `content` (a `game.toml`) describes; raises `Invalid`."""
    try:
        document = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"{GAME_FILE} is not TOML: {error}") from error
    if document.setdefault("game_id", game_id) != game_id:
        raise Invalid(
            f"{GAME_FILE} says game_id = {document['game_id']!r}, but its folder is {game_id}", field="game_id"
        )
    try:
        return Game.model_validate(document)
    except ValidationError as error:
        raise first_fault(error) from error


def read_entry(root: Path, game_id: str, mark: str) -> GameEntry:
    """What the index shall know of `root/game_id`."""
    try:
        game = read_game(root, game_id)
    except DillingerError as error:
        return GameEntry(game_id, game_id, "", "file", None, None, error.message[:1000], mark)
    problem = None
    if game.launch.kind not in PLAYABLE_KINDS:
        problem = f"This release can't start games of kind {game.launch.kind} yet"
    return GameEntry(game_id, game.title, game.summary, game.source, game.launch.kind, game.art.icon, problem, mark)
