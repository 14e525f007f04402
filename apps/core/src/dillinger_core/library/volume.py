"""Reads files of the library volume without ever leaving it: no symlinks, no devices, bounded sizes.

Whoever may write into a game's folder must not be able to make core read anything else. Every step down is opened
relative to the one above with O_NOFOLLOW, so there is no moment between looking and opening. Blocking: called from
threads.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dillinger_contracts import Invalid, NotFound

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of `root/parts…`, file or folder; raises `NotFound`."""
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\x00" in part:
            raise NotFound(f"{part!r} is no name of a file")
    with ExitStack() as chain:

        def step(name: str | Path, flags: int, below: int | None = None) -> int:
            descriptor = os.open(name, flags, dir_fd=below)
            chain.callback(os.close, descriptor)
            return descriptor

        try:
            at = step(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for part in parts[:-1]:
                at = step(part, _DIRECTORY, at)
            if parts:
                at = step(parts[-1], _FILE, at)
        except (OSError, ValueError) as error:
            # ELOOP and ENOTDIR are symlinks, which lead out: for the outside world there is nothing here.
            raise NotFound(f"There is no {'/'.join(parts)!a} here") from error
        yield at


def read_inside(root: Path, *parts: str, limit_bytes: int) -> bytes:
    """The regular file `root/parts…`; raises `NotFound`, or `Invalid` when it is longer than `limit_bytes`."""
    with opened(root, parts) as descriptor:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotFound(f"{'/'.join(parts)} is no file")
        if found.st_size > limit_bytes:
            raise Invalid(f"{'/'.join(parts)} has {found.st_size} bytes, at most {limit_bytes} are read")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(limit_bytes)


def is_folder(root: Path, *parts: str) -> bool:
    """Whether `root/parts…` is a folder that can be looked into."""
    try:
        with opened(root, parts) as descriptor:
            return stat.S_ISDIR(os.fstat(descriptor).st_mode)
    except NotFound:
        return False


def exists(root: Path, *parts: str) -> bool:
    """Whether there is a `root/parts…`, be it a link (which is not followed)."""
    try:
        with opened(root, parts[:-1]) as folder:
            os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
    except (NotFound, OSError, ValueError):
        return False
    return True


def fingerprint(root: Path, *parts: str) -> str | None:
    """Changes whenever the file does; None where there is no such regular file."""
    try:
        with opened(root, parts) as descriptor:
            found = os.fstat(descriptor)
    except NotFound:
        return None
    return f"{found.st_ino}:{found.st_mtime_ns}:{found.st_size}" if stat.S_ISREG(found.st_mode) else None
