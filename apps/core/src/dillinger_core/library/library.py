"""The library as the API sees it: keeps the index fresh and reads art.

Owned by the event loop; the volume is read in threads. Looking is cheap (one stat a game), so a request for the list
looks too, at most every two seconds; installed games are searched at start, at an interval and on demand.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import structlog

from dillinger_contracts import NotFound, Unavailable
from dillinger_contracts.model import GAME_ID_PATTERN
from dillinger_core.settings import CoreSettings
from dillinger_core.store import GameEntry, GameIndex

from . import volume
from .found_games import find_games, sync
from .scan import scan

MAX_ART_BYTES = 4 << 20
_LOOK_EVERY_S = 2.0
_ART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_GAME_ID = re.compile(GAME_ID_PATTERN)
_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a game."""

    content: bytes
    media_type: str


class Library:
    """The library volume and its index."""

    def __init__(self, settings: CoreSettings, index: GameIndex, *, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._index = index
        self._changed = changed
        self._turn = asyncio.Lock()
        self._looked_at_s = float("-inf")

    async def search(self) -> None:
        """Looks for installed games, then at the volume; raises `Unavailable` while that is missing."""
        await self._ensure_there()
        entry_dirs, icon_dirs = self._settings.desktop_entry_dirs, self._settings.icon_dirs
        if entry_dirs:
            async with self._turn:
                try:
                    found = await asyncio.to_thread(find_games, entry_dirs, icon_dirs)
                    written = await asyncio.to_thread(sync, self._settings.library, found)
                    if written:
                        log.info("found_games_changed", game_ids=written)
                except OSError as error:
                    log.warning("library_not_writable", path=str(self._settings.library), reason=str(error))
        await self.look(is_forced=True)

    async def look(self, *, is_forced: bool = False) -> None:
        """Brings the index up to date with the volume; raises `Unavailable` while that is missing."""
        await self._ensure_there()
        async with self._turn:
            if not is_forced and time.monotonic() - self._looked_at_s < _LOOK_EVERY_S:
                return
            known = {entry.game_id: entry.fingerprint for entry in await self._index.all()}
            changes = await asyncio.to_thread(scan, self._settings.library, known)
            if changes:
                await self._index.apply(changed=changes.changed, gone=changes.gone)
                log.info("library_changed", changed=len(changes.changed), gone=len(changes.gone))
            self._looked_at_s = time.monotonic()
        if changes:
            self._changed()

    async def keep_looking(self) -> None:
        """Searches at start and then at the interval of the settings, until cancelled."""
        while True:
            try:
                await self.search()
            except Unavailable as error:
                log.warning("library_missing", path=str(self._settings.library), hint=error.hint)
            if not self._settings.library_scan_interval_s:
                return
            await asyncio.sleep(self._settings.library_scan_interval_s)

    async def _ensure_there(self) -> None:
        # A volume that is not mounted is no empty library: the index keeps what it knows, and nothing is written.
        if not await asyncio.to_thread(self._settings.library.is_dir):
            raise Unavailable(
                f"The library's folder is missing: {self._settings.library}",
                hint="Mount its volume, or make the folder again; nothing of the library is forgotten meanwhile",
            )

    async def games(self) -> list[GameEntry]:
        """Every game of the library, as it is now."""
        await self.look()
        return await self._index.all()

    async def game(self, game_id: str) -> GameEntry:
        """One game; raises `NotFound`."""
        entry = None
        if _GAME_ID.fullmatch(game_id):
            entry = await self._index.get(game_id)
            if entry is None:
                await self.look()
                entry = await self._index.get(game_id)
        if entry is None:
            raise NotFound("There is no such game in the library")
        return entry

    async def picture(self, game_id: str, name: str) -> Picture:
        """The picture `art/name` of a game; raises `NotFound`."""
        media_type = _PICTURES.get(PurePath(name).suffix.lower())
        if media_type is None or not _ART_NAME.fullmatch(name) or not _GAME_ID.fullmatch(game_id):
            raise NotFound("There is no such picture")
        content = await asyncio.to_thread(
            volume.read_inside, self._settings.library, game_id, "art", name, limit_bytes=MAX_ART_BYTES
        )
        return Picture(content, media_type)
