"""One stream per desktop and user: the private folder of locks and control sockets.

A lock is the kernel's, so it goes with its process, however that ends; what a killed one leaves behind is a socket
that nobody answers and a file that nobody locks, and the next start takes both over. Blocking, shortly.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from dillinger_contracts.errors import Conflict, Denied, Invalid, Unavailable

_MOST_SOCKET_BYTES = 107
"""Of a unix socket's path (unix(7))."""


def runtime_folder(environment: Mapping[str, str], *, uid: int) -> Path:
    """Where this user's streams are."""
    if told := environment.get("DILLINGER_RUNTIME_DIR"):
        return Path(told) / "stream"
    if uid == 0:
        return Path("/run/dillinger-stream")
    session = environment.get("XDG_RUNTIME_DIR")
    return Path(session) / "dillinger-stream" if session else Path(f"/tmp/dillinger-stream-{uid}")  # noqa: S108


def ensure_private(folder: Path) -> Path:
    """`folder`, made where it is not there; raises `Denied` where others could get into it, or put it there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise Unavailable(f"The folder {folder} can't be made: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Denied(
            f"{folder} is not a folder that is this user's alone",
            hint=f"Look at what it is, then remove it: ls -ld {folder}",
        )
    return folder


def socket_of(folder: Path, key: str) -> Path:
    """The control socket of the desktop `key`; raises `Invalid` where its path is too long for one."""
    path = folder / f"{key}.sock"
    if len(os.fsencode(path)) > _MOST_SOCKET_BYTES:
        raise Invalid(f"The folder {folder} has too long a name for sockets", hint="Set DILLINGER_RUNTIME_DIR")
    return path


def sockets(folder: Path) -> list[Path]:
    """The control sockets that are there, also of programs that were killed."""
    return sorted(folder.glob("*.sock"))


class Claim:
    """The right to stream one desktop."""

    def __init__(self, file: Path, fd: int) -> None:
        self._file = file
        self._fd = fd

    @classmethod
    def take(cls, folder: Path, key: str) -> Self:
        """Raises `Conflict` where another process of this user has it."""
        file = folder / f"{key}.lock"
        while True:
            fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same(fd, file):
                    os.ftruncate(fd, 0)
                    os.write(fd, f"{os.getpid()}\n".encode())
                    return cls(file, fd)
            except BlockingIOError:
                holder = os.read(fd, 32).decode(errors="replace").strip()
                os.close(fd)
                raise Conflict(f"The process {holder or 'of another start'} streams it already") from None
            os.close(fd)  # its owner removed the file while we opened it

    def release(self) -> None:
        """Idempotent."""
        if self._fd >= 0:
            with contextlib.suppress(FileNotFoundError):
                self._file.unlink()
            os.close(self._fd)
            self._fd = -1


def _is_same(fd: int, file: Path) -> bool:
    """Whether `file` is still what `fd` was opened as."""
    try:
        return os.path.samestat(os.fstat(fd), file.stat())
    except FileNotFoundError:
        return False
