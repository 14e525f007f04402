"""Writing to a display's socket now, or as soon as it has room. Lives on the loop, and never waits.

What is written, and how much may wait, is the business of `x11.py` and `wayland.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from dillinger_contracts.errors import Unavailable

log = structlog.get_logger()


class Connection(Protocol):
    """One to a display."""

    def fileno(self) -> int:
        """Of its socket."""
        ...


class LateWriter:
    """For one connection; to be closed before it."""

    def __init__(self, connection: Connection, write: Callable[[], bool]) -> None:
        """`write` sends what the socket has room for and tells whether that is all; it raises `Unavailable`."""
        self._connection = connection
        self._write = write
        self._loop: asyncio.AbstractEventLoop | None = None
        """Who tells when there is room, while something waits for it."""

    def send(self) -> None:
        """Now, or as soon as the socket has room; raises `Unavailable`."""
        if self._write():
            self.close()
        elif self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_writer(self._connection.fileno(), self._send_late)

    def close(self) -> None:
        """Waits for room no more; idempotent."""
        if self._loop is not None:
            self._loop.remove_writer(self._connection.fileno())
            self._loop = None

    def _send_late(self) -> None:
        try:
            self.send()
        except Unavailable as error:
            self.close()
            log.warning("input_lost", error=error.message)
