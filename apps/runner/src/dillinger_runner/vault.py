"""Players' saves: looked at, reset, exported, restored; never while the game is played.

Owned by the runner's loop, the work itself is in threads. One thing is done to a player's saves of a game at a time;
the lock on disk keeps seats out, and this runner's own sessions that have no seat yet are asked for. What was cut off
with its runner is swept by the next thing that is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import IO, Literal

import structlog

from dillinger_contracts import DillingerError, Exhausted, Resources, Unavailable
from dillinger_saves.archive import Cancelled, Progress, write_archive
from dillinger_saves.layout import GameSaves
from dillinger_saves.listing import Contents, contents
from dillinger_saves.locks import InUse, alone
from dillinger_saves.reset import Part, reset
from dillinger_saves.restore import restore

from .library import Library
from .wishes import Places

_CHUNK_BYTES = 256 * 1024
_PATIENCE_S = 120.0
"""How long an export waits for whoever takes it."""

log = structlog.get_logger()

Key = tuple[str, str]
Kind = Literal["reset", "export", "restore"]
_DOINGS: dict[Kind, str] = {"reset": "they are reset", "export": "they are exported", "restore": "they are restored"}


@dataclass(frozen=True, slots=True)
class Work:
    """Something that is being done to saves."""

    kind: Kind
    progress: Progress


@dataclass(frozen=True, slots=True)
class Holding:
    """What a player has of a game, and may have."""

    contents: Contents
    limit_bytes: int
    is_played: bool
    work: Work | None


class Vault:
    """All saves of this runner; `is_played` is whether a session of this user and game lives."""

    def __init__(self, places: Places, *, is_played: Callable[[str, str], bool]) -> None:
        self._places = places
        self._library = Library(places.library_dir)
        self._is_played = is_played
        self._works: dict[Key, Work] = {}

    def ensure_idle(self, user_id: str, game_id: str) -> None:
        """Raises `InUse` while something is done to these saves: no session may start."""
        work = self._works.get((user_id, game_id))
        if work is not None:
            raise InUse(f"Somebody is at this game's saves: {_DOINGS[work.kind]}", hint="Try again when that is done")

    async def look(self, user_id: str, game_id: str) -> Holding:
        """What is there; raises `NotFound` for what is no id."""
        saves = GameSaves.of(self._places.saves_dir, user_id, game_id)
        found, resources = await asyncio.to_thread(lambda: (contents(saves), self._resources(game_id)))
        is_played = self._is_played(user_id, game_id)
        return Holding(found, resources.saves_bytes, is_played, self._works.get((user_id, game_id)))

    async def reset(self, user_id: str, game_id: str, part: Part, prefix: str) -> None:
        """Empties a part; raises `InUse`, `NotFound`."""
        with self._alone(user_id, game_id, "reset") as (saves, _):
            await _whole(asyncio.to_thread(reset, saves, part, prefix))
        log.info("saves_reset", user_id=user_id, game_id=game_id, part=part, prefix=prefix)

    @contextlib.asynccontextmanager
    async def export(self, user_id: str, game_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The archive, as it is made; raises `InUse`."""
        with self._alone(user_id, game_id, "export") as (saves, progress):
            progress.total_bytes = (await asyncio.to_thread(contents, saves)).used_bytes
            reading, writing = os.pipe()
            done = asyncio.ensure_future(asyncio.to_thread(_export, saves, game_id, writing, progress))
            try:
                yield _read_all(reading, done)
            finally:
                progress.is_cancelled = True
                os.close(reading)  # who writes on meets a broken pipe
                await _whole(asyncio.gather(done, return_exceptions=True))
        log.info("saves_exported", user_id=user_id, game_id=game_id, left_out=progress.left_out)

    async def restore(self, user_id: str, game_id: str, body: AsyncIterator[bytes]) -> None:
        """Puts an archive in the place of what is there; raises `InUse`, `Invalid`, `Exhausted`."""
        with self._alone(user_id, game_id, "restore") as (saves, progress):
            limit_bytes = (await asyncio.to_thread(self._resources, game_id)).saves_bytes
            with tempfile.TemporaryFile(dir=saves.side) as file:
                await _received(body, file, limit_bytes)
                await _whole(
                    asyncio.to_thread(restore, saves, game_id, file, progress, limit_bytes=limit_bytes), progress
                )
        log.info("saves_restored", user_id=user_id, game_id=game_id, size_bytes=progress.done_bytes)

    def _resources(self, game_id: str) -> Resources:
        try:
            return self._library.game(game_id).limits
        except DillingerError:  # saves outlive their game
            return Resources()

    @contextlib.contextmanager
    def _alone(self, user_id: str, game_id: str, kind: Kind) -> Iterator[tuple[GameSaves, Progress]]:
        saves = GameSaves.of(self._places.saves_dir, user_id, game_id)
        self.ensure_idle(user_id, game_id)
        if self._is_played(user_id, game_id):
            raise InUse("This game is being played", hint="Stop its session first")
        work = self._works[user_id, game_id] = Work(kind, Progress())
        try:
            saves.make(owner=self._places.saves_owner)
            with alone(saves):
                yield saves, work.progress
            if self._places.saves_owner is not None:
                saves.give_to(self._places.saves_owner)
        finally:
            del self._works[user_id, game_id]


async def _whole(work: Awaitable[object], progress: Progress | None = None) -> None:
    """Waits for what a thread does to its end, also where whoever asked has gone; it is told by `progress`."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if progress is not None:
            progress.is_cancelled = True
        await asyncio.gather(task, return_exceptions=True)
        raise


def _export(saves: GameSaves, game_id: str, writing: int, progress: Progress) -> None:
    with contextlib.suppress(Cancelled, BrokenPipeError), os.fdopen(writing, "wb") as out:
        write_archive(saves, game_id, out, progress)


async def _read_all(reading: int, done: asyncio.Future[None]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(os.read, reading, _CHUNK_BYTES):
        yield chunk
    await asyncio.shield(done)


async def _received(body: AsyncIterator[bytes], file: IO[bytes], limit_bytes: int) -> None:
    """Packed, saves are hardly bigger than unpacked."""
    size, most = 0, limit_bytes + limit_bytes // 10 + (1 << 20)
    try:
        async with asyncio.timeout(None) as patience:
            async for chunk in body:
                patience.reschedule(asyncio.get_running_loop().time() + _PATIENCE_S)
                size += len(chunk)
                if size > most:
                    raise Exhausted(
                        f"The archive is bigger than {most >> 20} MiB, and a player of this game may have "
                        f"{limit_bytes >> 20} MiB",
                        hint="Raise the game's limit of saves first",
                    )
                await asyncio.to_thread(file.write, chunk)
    except TimeoutError:
        raise Unavailable(f"Nothing more of the archive came for {_PATIENCE_S:g} s") from None
    await asyncio.to_thread(file.seek, 0)
