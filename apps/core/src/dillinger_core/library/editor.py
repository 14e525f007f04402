"""What admins do to the games that are there: look closely, change, remove; and what keeps each from being played.

Owned by the event loop; the volume is read and written in threads, one change at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dillinger_contracts import Conflict, DillingerError, Game
from dillinger_core.settings import CoreSettings
from dillinger_core.store import GameEntry
from dillinger_saves.archive import Progress

from . import entries
from .candidates import Candidate
from .found_games import SOURCE_PREFIX
from .installed import take_over
from .library import Library
from .needs import unmet
from .survey import survey

_INSTALL = "Not installed yet: play it, click through its installer, then finish in its editor"
_LOADER_CACHE = Path("/etc/ld.so.cache")


@dataclass(frozen=True, slots=True)
class Details:
    """A game as its editor sees it."""

    game: Game
    version: str
    """Of its file; a change says which version it changes."""
    programs: tuple[Candidate, ...]
    """What of its folder could be started, the likeliest first."""
    unmet: tuple[str, ...]


class Editor:
    """Changes to games of the library."""

    def __init__(self, settings: CoreSettings, library: Library) -> None:
        self._settings = settings
        self._library = library
        self._turn = asyncio.Lock()
        self._warnings: dict[tuple[str, str, int], str | None] = {}

    async def details(self, game_id: str) -> Details:
        """A game with everything about it; raises `NotFound`, or `Invalid` where its file is broken."""
        return await asyncio.to_thread(self._details, game_id)

    async def change(self, game_id: str, version: str, values: dict[str, Any]) -> Details:
        """Writes `values` over the game's own; raises `ChangedMeanwhile`, `NotFound`, `Invalid`."""
        async with self._turn:
            await asyncio.to_thread(entries.change, self._settings.library, game_id, version, values)
        await self._library.look(is_forced=True)
        return await self.details(game_id)

    async def take_over(self, game_id: str, archive: IO[bytes], progress: Progress) -> Details:
        """Makes what its installer left part of a game; raises what `installed.take_over` does."""
        async with self._turn:
            await asyncio.to_thread(take_over, self._settings.library, game_id, archive, progress)
        await self._library.look(is_forced=True)
        return await self.details(game_id)

    async def remove(self, game_id: str) -> None:
        """Removes a game; raises `NotFound`, or `Conflict` for one that the machine's packages brought."""
        entry = await self._library.game(game_id)
        if entry.source.startswith(SOURCE_PREFIX):
            raise Conflict(
                f"{entry.title} is installed on this machine and would come back", hint="Remove its package instead"
            )
        async with self._turn:
            await asyncio.to_thread(entries.remove, self._settings.library, game_id)
        # A game of the machine that somebody had edited comes back as it was found.
        await self._library.search()

    async def warnings(self, games: Iterable[GameEntry]) -> dict[str, str]:
        """Game id → what it lacks, for those that lack something; looked at again when a game or the system changes."""
        system = await asyncio.to_thread(_system_version)
        wanted = {entry.game_id: (entry.game_id, entry.fingerprint, system) for entry in games if entry.problem is None}
        fresh = {key: self._warnings[key] for key in wanted.values() if key in self._warnings}
        missing = [key for key in wanted.values() if key not in fresh]
        if missing:
            fresh |= await asyncio.to_thread(self._look_at, missing)
        self._warnings = self._warnings | fresh if len(self._warnings) < 10_000 else fresh
        return {game_id: text for game_id, key in wanted.items() if (text := fresh[key])}

    def _look_at(self, keys: list[tuple[str, str, int]]) -> dict[tuple[str, str, int], str | None]:
        found: dict[tuple[str, str, int], str | None] = {}
        for key in keys:
            try:
                game, _ = entries.load(self._settings.library, key[0])
                lacks = [_INSTALL] if game.is_installer else self._unmet(game)
            except DillingerError:
                lacks = []
            found[key] = "; ".join(lacks)[:1000] or None
        return found

    def _details(self, game_id: str) -> Details:
        root = self._settings.library
        game, version = entries.load(root, game_id)
        return Details(game, version, tuple(survey(root, game_id).candidates), tuple(self._unmet(game)))

    def _unmet(self, game: Game) -> list[str]:
        return unmet(self._settings.library, game) if self._settings.cells_share_system else []


def _system_version() -> int:
    """Changes when a library is installed or removed."""
    try:
        return _LOADER_CACHE.stat().st_mtime_ns
    except OSError:
        return 0
