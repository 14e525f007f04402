"""Takes back what a game has written: all of it, its own folder's changes, or one Windows drive. Blocking.

Whoever resets holds the folders alone (`locks.alone`). What is taken away is moved aside first, which is one step, and
removed then, which may take a while: a reset that is cut off leaves no half of anything.
"""

from __future__ import annotations

from typing import Literal

from dillinger_contracts import NotFound

from .hostile import discard, empty_trash, opened
from .layout import PREFIXES, PROTON_PREFIXES, GameSaves

Part = Literal["everything", "game_folder", "prefix"]


def reset(saves: GameSaves, part: Part, prefix: str = "") -> None:
    """Empties `part`; a prefix is its template again at the next start. Raises `NotFound` for a prefix that is not
    there."""
    try:
        match part:
            case "everything":
                _forget_changes(saves)
                with opened(saves.home.parent) as above:
                    discard(saves.side, above, saves.home.name)
            case "game_folder":
                _forget_changes(saves)
            case "prefix":
                _forget_prefix(saves, prefix)
    finally:
        saves.make()
    empty_trash(saves.side)


def _forget_changes(saves: GameSaves) -> None:
    with opened(saves.side) as side:
        discard(saves.side, side, saves.changes.name, saves.work.name, saves.copy.name, saves.copy_list.name)


def _forget_prefix(saves: GameSaves, name: str) -> None:
    was_there = False
    for folder, names in (
        (PREFIXES, (name, f"{name}.json")),
        (f"{PREFIXES}/.work", (name,)),
        (PROTON_PREFIXES, (name,)),
    ):
        try:
            with opened(saves.home, folder) as found:
                was_there = discard(saves.side, found, *names) or was_there
        except NotFound:
            continue
    if not was_there:
        raise NotFound(f"There is no prefix {name!r}")
