"""Keeps a library folder for each game that is installed on this machine and has a `.desktop` entry.

The folders that are ours say `source = "desktop:PATH"`; every other one belongs to a person and is never touched.
When an entry vanishes, so do its `game.toml` and icon, and the folder too if nothing else is in it. Blocking: run in
a thread.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ValidationError

from dillinger_contracts import DillingerError, Game, NativeLaunch, NotFound, Unsupported
from dillinger_contracts.game import Art
from dillinger_contracts.model import GAME_ID_PATTERN
from dillinger_core.private_files import write_private

from . import volume
from .desktop_entries import MAX_ENTRY_BYTES, DesktopEntry, command_of, parse_entry
from .game_file import new_file
from .icons import find_icon
from .known_games import KnownGame, known_games
from .scan import GAME_FILE, MAX_GAME_FILE_BYTES, game_ids

SOURCE_PREFIX = "desktop:"
CELL_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
"""Where a cell finds programs; a cell has `/usr` and no other place of the machine."""
_GAME_ID = re.compile(GAME_ID_PATTERN)
_NOTE = 'Written by Dillinger, and again whenever the entry changes. To make it yours, set source = "file".'

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FoundGame:
    """A game that a desktop entry describes, with the file of its icon."""

    game: Game
    icon: Path | None


def find_games(entry_dirs: Sequence[Path], icon_dirs: Sequence[Path]) -> dict[str, FoundGame]:
    """The games of the desktop entries in `entry_dirs` that a cell can start, by game id; the first directory wins."""
    found: dict[str, FoundGame] = {}
    for directory in entry_dirs:
        for path in sorted(directory.glob("*.desktop")) if directory.is_dir() else []:
            game_id = path.name.removesuffix(".desktop").lower().replace(" ", "-")[:64]
            if game_id in found or not _GAME_ID.fullmatch(game_id):
                continue
            game = _read(path, game_id, icon_dirs)
            if game is not None:
                found[game_id] = game
    return found


def _read(path: Path, game_id: str, icon_dirs: Sequence[Path]) -> FoundGame | None:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_ENTRY_BYTES).decode("utf-8", "replace")
        entry = parse_entry(text)
        if not entry.is_game or (entry.try_exec and _program(entry.try_exec) is None):
            return None
        command = command_of(entry)
        if Path(command[0]).name == "flatpak":
            raise Unsupported("it starts a Flatpak: add the app's own folder, with its files and metadata")
        known = known_games().get(Path(command[0]).name)
        icon = find_icon(entry.icon, icon_dirs)
        game = game_of(path, game_id, entry, command, known, icon)
    except (OSError, DillingerError, ValidationError) as error:
        log.info("desktop_entry_skipped", path=str(path), reason=str(error).splitlines()[0])
        return None
    return None if game is None else FoundGame(game, icon)


def game_of(
    path: Path,
    game_id: str,
    entry: DesktopEntry,
    command: tuple[str, ...],
    known: KnownGame | None,
    icon: Path | None,
) -> Game | None:
    """The library's game for a desktop entry; None when it could not start in a cell."""
    facts = known or KnownGame()
    if not facts.is_complete():
        return None
    words = facts.command or (*command, *facts.arguments)
    program = _program(words[0])
    if program is None:
        return None
    return Game(
        game_id=game_id,
        title=facts.title or entry.name,
        summary=facts.summary or entry.comment,
        source=f"{SOURCE_PREFIX}{path}",
        launch=NativeLaunch(command=(program, *words[1:]), environment=facts.environment),
        display=facts.display,
        art=Art(icon=f"icon{icon.suffix}" if icon else None),
    )


def _program(word: str) -> str | None:
    """The absolute path of a program that a cell has; None when it is elsewhere or missing."""
    found = shutil.which(word, path=CELL_PATH)
    return found if found and Path(found).is_relative_to("/usr") else None


def sync(root: Path, found: dict[str, FoundGame]) -> list[str]:
    """Makes `root` hold exactly `found` beside what people put there; the ids of the games that changed."""
    changed = [game_id for game_id, game in found.items() if _write(root, game_id, game)]
    for game_id in game_ids(root):
        if game_id not in found and (_source(root, game_id) or "").startswith(SOURCE_PREFIX):
            _remove(root / game_id)
            changed.append(game_id)
    return changed


def _write(root: Path, game_id: str, found: FoundGame) -> bool:
    folder = root / game_id
    if folder.is_symlink():
        return False
    content = new_file(found.game, note=_NOTE)
    if folder.exists():
        source = _source(root, game_id)
        if source is not None and not source.startswith(SOURCE_PREFIX):
            return False
        if source is None and any(folder.iterdir()):
            return False
        if source is not None:
            old = volume.read_inside(root, game_id, GAME_FILE, limit_bytes=MAX_GAME_FILE_BYTES)
            if old == content and (found.icon is None or (folder / "art" / f"icon{found.icon.suffix}").exists()):
                return False
    folder.mkdir(parents=True, exist_ok=True)
    if found.icon is not None:
        art = folder / "art"
        art.mkdir(exist_ok=True)
        _write_public(art / f"icon{found.icon.suffix}", found.icon.read_bytes())
    _write_public(folder / GAME_FILE, content)
    return True


def _write_public(path: Path, content: bytes) -> None:
    write_private(path, content)
    path.chmod(0o644)


def _remove(folder: Path) -> None:
    art = folder / "art"
    leftovers = [folder / GAME_FILE]
    if not art.is_symlink():
        leftovers += [art / "icon.png", art / "icon.svg"]
    for path in leftovers:
        path.unlink(missing_ok=True)
    for directory in (art, folder):
        if directory.is_dir() and not directory.is_symlink() and not any(directory.iterdir()):
            directory.rmdir()


def _source(root: Path, game_id: str) -> str | None:
    """The source that the folder's `game.toml` states; `file` when that can't be told, None without such a file."""
    try:
        content = volume.read_inside(root, game_id, GAME_FILE, limit_bytes=MAX_GAME_FILE_BYTES)
        source = tomllib.loads(content.decode()).get("source", "file")
    except NotFound:
        return None
    except (DillingerError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return "file"
    return source if isinstance(source, str) else "file"
