"""Listening sockets that the seat makes for the cell's servers, so that the cell needs no writable shared folder."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from dillinger_contracts.errors import Unavailable

_FIRST_NUMBER = 100
_NUMBERS = 500


def listening_socket(path: Path) -> socket.socket:
    """A unix socket at `path`, for a server in the cell to take over (sd_listen_fds(3))."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"No socket can be made at {path}: {error.strerror or error}", hint="Choose a shorter DILLINGER_RUNTIME_DIR"
        ) from error
    return listener


def numbered_listener(folder: Path) -> tuple[int, Path, socket.socket]:
    """A listening socket at the first free `folder`/X… from `X100` on; one whose owner was killed counts as free."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o1777)
    for number in range(_FIRST_NUMBER, _FIRST_NUMBER + _NUMBERS):
        path = folder / f"X{number}"
        if path.exists() and not _is_answered(path):
            with contextlib.suppress(OSError):
                path.unlink()
        if not path.exists():
            with contextlib.suppress(Unavailable):  # somebody was faster
                return number, path, listening_socket(path)
    raise Unavailable(
        f"No display number is free in {folder}", hint="End sessions, or look at that folder's permissions"
    )


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.setblocking(False)
        try:
            caller.connect(str(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True
