"""Who has a player's folders at hand: locks of the kernel (flock(2)), so that they go with whoever held them.

They hold between processes, between containers of one machine, and over a restart of the runner.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from dillinger_contracts import Conflict

from .layout import GameSaves

_LOCK_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class InUse(Conflict):
    """Somebody else is at these saves."""

    code = "in_use"


@contextlib.contextmanager
def played(saves: GameSaves) -> Iterator[bool]:
    """While a session lasts; whether its cell is the one that may write into the game's folder.

    Raises `InUse` while the saves are being reset, exported or restored.
    """
    with contextlib.ExitStack() as held:
        try:
            _take(held, os.open(saves.lock_file, _LOCK_FILE), fcntl.LOCK_SH)
        except BlockingIOError as error:
            raise InUse(
                "This game's saves are being reset, exported or restored", hint="Try again when that is done"
            ) from error
        try:
            _take(held, os.open(saves.layer_lock_file, _LOCK_FILE), fcntl.LOCK_EX)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def alone(saves: GameSaves) -> Iterator[None]:
    """While something is done to them that must not meet a session; raises `InUse` while one lasts."""
    with contextlib.ExitStack() as held:
        try:
            _take(held, os.open(saves.lock_file, _LOCK_FILE), fcntl.LOCK_EX)
        except BlockingIOError as error:
            raise InUse(
                "This game is being played, or something is being done to its saves",
                hint="Stop its session first, or wait",
            ) from error
        yield


def _take(held: contextlib.ExitStack, descriptor: int, kind: int) -> None:
    held.callback(os.close, descriptor)
    fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
