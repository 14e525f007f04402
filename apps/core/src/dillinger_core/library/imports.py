"""Games on their way into the library: folders that may be added, and copies in progress.

Owned by the event loop; files are read and copied in threads. What is offered is what lies in the import directory:
nothing above it and nothing that a link leads to can be named. Copies end with core; what they left is swept at start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

import structlog

from dillinger_contracts import Conflict, DillingerError, Exhausted, Game, Invalid, NotFound
from dillinger_core.settings import CoreSettings

from . import entries, volume
from .copying import Cancelled, Progress
from .library import Library
from .survey import Survey, survey

MAX_AT_ONCE = 4
MAX_REMEMBERED = 50
MAX_ITEMS = 2000
MAX_PATH = 4096

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FolderItem:
    """A file or folder that can be chosen."""

    name: str
    is_folder: bool
    size_bytes: int | None


@dataclass(slots=True)
class Import:
    """One addition."""

    import_id: str
    game: Game
    progress: Progress
    state: Literal["copying", "done", "failed", "cancelled"] = "copying"
    problem: str | None = None
    hint: str | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Imports:
    """The import directory and what is being copied from it."""

    def __init__(self, settings: CoreSettings, library: Library) -> None:
        self._settings = settings
        self._library = library
        self._imports: dict[str, Import] = {}

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Imports]:
        """Sweeps what an earlier core left; ends every copy when the block is left."""
        await asyncio.to_thread(self._prepare)
        try:
            yield self
        finally:
            tasks = [one.task for one in self._imports.values() if one.task is not None]
            for one in self._imports.values():
                one.progress.is_cancelled = True
            await asyncio.gather(*tasks, return_exceptions=True)

    def _prepare(self) -> None:
        entries.sweep(self._settings.library)
        try:
            self._settings.imports.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("import_directory_missing", path=str(self._settings.imports), reason=str(error))

    async def browse(self, path: str) -> list[FolderItem]:
        """What is in the folder `path` of the import directory, folders first; raises `NotFound`, `Invalid`."""
        return await asyncio.to_thread(self._browse, parts_of(path))

    def _browse(self, parts: tuple[str, ...]) -> list[FolderItem]:
        items: list[FolderItem] = []
        with volume.opened(self._settings.imports, parts) as folder:
            if not stat.S_ISDIR(os.fstat(folder).st_mode):
                raise NotFound(f"{parts[-1]} is no folder")
            with os.scandir(folder) as found:
                for one in found:
                    is_folder = one.is_dir(follow_symlinks=False)
                    if (is_folder or one.is_file(follow_symlinks=False)) and _is_plain(one.name):
                        size_bytes = None if is_folder else one.stat(follow_symlinks=False).st_size
                        items.append(FolderItem(one.name, is_folder, size_bytes))
        items.sort(key=lambda item: (not item.is_folder, item.name.lower()))
        return items[:MAX_ITEMS]

    async def survey(self, path: str) -> Survey:
        """What is in `path`; raises `NotFound`, `Invalid`, `Exhausted`."""
        parts = parts_of(path)
        if not parts:
            raise Invalid("Choose a folder or a file", field="path")
        return await asyncio.to_thread(survey, self._settings.imports, *parts)

    async def begin(self, game: Game, path: str) -> Import:
        """Starts copying `path` into the library as `game`; raises what is wrong before the first byte."""
        if sum(one.state == "copying" for one in self._imports.values()) >= MAX_AT_ONCE:
            raise Exhausted(f"{MAX_AT_ONCE} games are being added already", hint="Wait for one of them")
        if any(one.state == "copying" and one.game.game_id == game.game_id for one in self._imports.values()):
            raise Conflict(f"{game.game_id} is being added already")
        found = await self.survey(path)
        await asyncio.to_thread(self._check, game, found, parts_of(path))
        one = Import(secrets.token_hex(8), game, Progress(found.size_bytes))
        self._imports[one.import_id] = one
        one.task = asyncio.create_task(self._run(one, parts_of(path)), name=f"import-{one.import_id}")
        for old in [key for key, value in self._imports.items() if value.state != "copying"][:-MAX_REMEMBERED]:
            del self._imports[old]
        return one

    def _check(self, game: Game, found: Survey, parts: tuple[str, ...]) -> None:
        entries.ensure_free(self._settings.library, game.game_id)
        program = entries.program_path(game.launch)
        if program is None:
            return
        names = tuple(PurePosixPath(program).parts)
        below = parts if volume.is_folder(self._settings.imports, *parts) else parts[:-1]
        if not names or not volume.exists(self._settings.imports, *below, *names):
            raise Invalid(f"There is no {program} in {found.name}", field="launch.command.0")

    def get(self, import_id: str) -> Import:
        """One addition; raises `NotFound`."""
        if import_id not in self._imports:
            raise NotFound("There is no such addition (any more)")
        return self._imports[import_id]

    def cancel(self, import_id: str) -> Import:
        """Calls it off; what is done already stays."""
        one = self.get(import_id)
        one.progress.is_cancelled = True
        return one

    async def _run(self, one: Import, parts: tuple[str, ...]) -> None:
        try:
            await asyncio.to_thread(
                entries.add, self._settings.library, one.game, self._settings.imports, parts, one.progress
            )
        except Cancelled:
            one.state = "cancelled"
        except DillingerError as error:
            one.state, one.problem, one.hint = "failed", error.message, error.hint
        except OSError as error:
            log.exception("import_failed", game_id=one.game.game_id)
            one.state, one.problem = "failed", f"The library can't be written: {error.strerror}"
        else:
            one.state = "done"
            log.info("game_added", game_id=one.game.game_id, size_bytes=one.progress.copied_bytes)
            with contextlib.suppress(DillingerError):
                await self._library.look(is_forced=True)


def parts_of(path: str) -> tuple[str, ...]:
    """The names of a path below the import directory; raises `Invalid` for one that could lead out."""
    if len(path) > MAX_PATH or "\0" in path or path.startswith("/"):
        raise Invalid("A path is relative to the import directory", field="path")
    parts = tuple(part for part in path.split("/") if part)
    if any(part in (".", "..") for part in parts):
        raise Invalid("A path has no . or .. in it", field="path")
    return parts


def _is_plain(name: str) -> bool:
    """Whether it can be named in JSON, and is meant to be seen."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not name.startswith(".")
