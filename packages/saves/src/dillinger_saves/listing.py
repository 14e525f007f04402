"""What a player has of a game, and how much room it takes. Blocking; the sizes take a walk."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from typing import Literal

from dillinger_contracts import NotFound
from dillinger_contracts.wine import PREFIX_NAME_PATTERN

from .copying import copied_bytes
from .hostile import opened
from .layout import PREFIXES, PROTON_PREFIXES, GameSaves
from .measure import folder_bytes

_NOTES_BYTES = 1 << 20
_MAX_PREFIXES = 100


@dataclass(frozen=True, slots=True)
class Prefix:
    """A Windows drive with its registry."""

    name: str
    kind: Literal["wine", "proton"]
    used_bytes: int
    wine: str | None
    """Which Wine it was last made ready by, as `dillinger_programs.wine` names them; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All that one player has of one game."""

    used_bytes: int
    game_folder_bytes: int
    prefixes: tuple[Prefix, ...]


def contents(saves: GameSaves) -> Contents:
    """What is there now; nothing where the game was never played."""
    changed = max(0, folder_bytes(saves.changes, saves.copy) - copied_bytes(saves))
    prefixes = [
        *_prefixes(saves, PREFIXES, "wine"),
        *_prefixes(saves, PROTON_PREFIXES, "proton"),
    ]
    return Contents(folder_bytes(saves.home) + changed, changed, tuple(prefixes))


def _prefixes(saves: GameSaves, folder: str, kind: Literal["wine", "proton"]) -> list[Prefix]:
    try:
        with opened(saves.home, folder) as found:
            names = [
                name
                for name in sorted(os.listdir(found))  # noqa: PTH208 - of a descriptor
                if re.fullmatch(PREFIX_NAME_PATTERN, name)
                and stat.S_ISDIR(os.stat(name, dir_fd=found, follow_symlinks=False).st_mode)
            ]
            return [
                Prefix(name, kind, folder_bytes(saves.home / folder / name), _noted_wine(found, f"{name}.json"))
                for name in names[:_MAX_PREFIXES]
            ]
    except (NotFound, OSError):
        return []


def _noted_wine(folder: int, name: str) -> str | None:
    """What the prefix's own notes say, which its game may have written."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        try:
            base = json.loads(file.read(_NOTES_BYTES)).get("base")
        except (ValueError, AttributeError, RecursionError):
            return None
    return base if isinstance(base, str) and len(base) <= 40 else None
