"""Copies a game's files into the library: by reflink where the file system can, else by the kernel's own copy.

Hard links are not used: a linked game would change with its source, and keep the source's owner and mode. What was
a device, or a link that leads out, is left out; modes are made plain, without setuid. Blocking: run in a thread.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts import Exhausted, NotFound

from .survey import Item, items, leads_inside, stays_inside

__all__ = ["NEW_FILE", "Cancelled", "Progress", "copy_game", "ensure_room", "leads_inside", "told"]

_FICLONE = 0x40049409
_CHUNK_BYTES = 16 * 1024 * 1024
_KEEP_FREE_BYTES = 256 * 1024 * 1024
"""What a copy leaves free: a full disk breaks more than this game."""
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a file is opened that must not be there yet."""
_NO_KERNEL_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF})


@dataclass(slots=True)
class Progress:
    """How far a copy is; written by its thread, read by any."""

    total_bytes: int
    copied_bytes: int = 0
    reflinked_bytes: int = 0
    """Of these, how many share their blocks with the source."""
    is_cancelled: bool = False


class Cancelled(Exception):  # noqa: N818 - what happened, by wish
    """Somebody called it off."""


def copy_game(
    source: Path, parts: tuple[str, ...], target: Path, progress: Progress, *, executable: frozenset[str] = frozenset()
) -> None:
    """Copies `source/parts…` into the new folder `target`; `executable` are files that have to be.

    Raises `Exhausted` when the disk has no room, `NotFound` when the source goes away, `Cancelled`. What was copied
    until then is the caller's to remove.
    """
    free_bytes = shutil.disk_usage(target.parent).free
    _make_folder(target)
    for item in items(source, *parts):
        if progress.is_cancelled:
            raise Cancelled
        place = target / item.path
        try:
            if item.is_folder:
                _make_folder(place)
            elif item.is_link:
                if stays_inside(item):
                    place.symlink_to(os.readlink(item.name, dir_fd=item.folder_fd))
            elif item.is_file:
                _copy_file(item, place, progress, free_bytes, is_executable=item.path in executable)
        except OSError as error:
            raise told(error, item.path) from error


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o755)
    path.chmod(0o755)


def _copy_file(item: Item, place: Path, progress: Progress, free_bytes: int, *, is_executable: bool) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    reading = os.open(item.name, flags, dir_fd=item.folder_fd)
    try:
        writing = os.open(place, NEW_FILE, 0o600)
        try:
            if _reflinked(reading, writing):
                size_bytes = os.fstat(writing).st_size
                progress.copied_bytes += size_bytes
                progress.reflinked_bytes += size_bytes
            else:
                _copied(reading, writing, progress, free_bytes)
            os.fchmod(writing, 0o755 if is_executable or item.status.st_mode & 0o111 else 0o644)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _reflinked(reading: int, writing: int) -> bool:
    try:
        fcntl.ioctl(writing, _FICLONE, reading)
    except OSError:
        return False
    return True


def _copied(reading: int, writing: int, progress: Progress, free_bytes: int) -> None:
    copy = _by_kernel
    while True:
        if progress.is_cancelled:
            raise Cancelled
        ensure_room(progress.copied_bytes - progress.reflinked_bytes, free_bytes)
        try:
            count = copy(reading, writing)
        except OSError as error:
            if copy is _by_kernel and error.errno in _NO_KERNEL_COPY:
                copy = _by_hand
                continue
            raise
        if count == 0:
            return
        progress.copied_bytes += count


def ensure_room(written_bytes: int, free_bytes: int) -> None:
    """Raises OSError when what is written takes too much of what was free before."""
    if written_bytes + _KEEP_FREE_BYTES > free_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _by_kernel(reading: int, writing: int) -> int:
    return os.copy_file_range(reading, writing, _CHUNK_BYTES)


def _by_hand(reading: int, writing: int) -> int:
    chunk = memoryview(os.read(reading, _CHUNK_BYTES))
    done = 0
    while done < len(chunk):
        done += os.write(writing, chunk[done:])
    return done


def told(error: OSError, path: str) -> Exhausted | NotFound:
    """Why `path` could not be made, for people."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Exhausted(
            "The library's disk has no room for this game",
            hint="Make room, or put the library on a bigger disk (library_dir)",
        )
    return NotFound(f"{path} can't be copied: {error.strerror}", hint="Can the user that Dillinger runs as read it?")
