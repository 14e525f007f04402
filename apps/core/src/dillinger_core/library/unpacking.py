"""Puts what was packed into a new folder of the library: whole names only, nothing outside, no more than the disk has.

Whatever an archive says: each part of a path is a real folder that was made here, files are new, links that lead out by
their words are left out, modes are plain. Blocking: run in a thread.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from dillinger_programs.elf import Unreadable

from .copying import NEW_FILE, Cancelled, Progress, ensure_room, leads_inside, told

MAX_ENTRIES = 300_000
MAX_DEPTH = 40


class Unpacked:
    """A new folder that is being filled. What an archive can't mean raises `Unreadable`, a full disk `Exhausted`."""

    def __init__(self, target: Path, progress: Progress) -> None:
        self._target, self._progress = target, progress
        target.mkdir(mode=0o755, parents=True)
        self._free_bytes = shutil.disk_usage(target).free
        self._written_bytes = self._count = 0

    def folder(self, path: str) -> None:
        """Makes a folder, and those above it, where they are not there yet."""
        self._place(f"{path}/x")

    def link(self, path: str, target: str) -> None:
        """Makes a symbolic link, unless it leads out."""
        if leads_inside(path, target):
            self._made(path, lambda place: place.symlink_to(target))

    def file(self, path: str, chunks: Iterable[bytes], *, is_executable: bool) -> None:
        """Writes a file."""

        def write(place: Path) -> None:
            descriptor = os.open(place, NEW_FILE, 0o755 if is_executable else 0o644)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                for chunk in chunks:
                    if self._progress.is_cancelled:
                        raise Cancelled
                    self._written_bytes += len(chunk)
                    ensure_room(self._written_bytes, self._free_bytes)
                    file.write(chunk)

        self._made(path, write)

    def _made(self, path: str, make: Callable[[Path], None]) -> None:
        place = self._place(path)
        try:
            make(place)
        except (FileExistsError, UnicodeError, ValueError) as error:
            raise Unreadable(f"{path!r} can't be made: {error}") from error
        except OSError as error:
            raise told(error, path) from error

    def _place(self, path: str) -> Path:
        """Where `path` goes; the folders above it are there then."""
        self._count += 1
        if self._progress.is_cancelled:
            raise Cancelled
        parts = PurePosixPath(path).parts
        if self._count > MAX_ENTRIES or len(parts) > MAX_DEPTH or "\0" in path:
            raise Unreadable("it has too many files, or folders nested too deep")
        if not parts or ".." in parts or parts[0] == "/":
            raise Unreadable(f"{path!r} leads out of it")
        place = self._target
        for part in parts[:-1]:
            place /= part
            try:
                if not stat.S_ISDIR(place.lstat().st_mode):
                    raise Unreadable(f"{path!r} is below something that is no folder")
            except FileNotFoundError:
                place.mkdir(mode=0o755)
            except (OSError, UnicodeError, ValueError) as error:
                raise Unreadable(f"{path!r} can't be made: {error}") from error
        return place / parts[-1]
