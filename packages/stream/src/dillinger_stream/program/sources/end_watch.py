"""Hearing that a display ends, on a connection that asks for nothing: also while nobody watches. Lives on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dillinger_stream.errors import CaptureError

log = structlog.get_logger()


class EndWatch:
    """One display's; to be closed before the connection."""

    def __init__(self, name: str, fileno: int, read: Callable[[], None]) -> None:
        """`read` takes what came at `fileno`, without waiting, and raises `CaptureError` when that was goodbye."""
        self._name = name
        self._fileno = fileno
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[CaptureError] = self._loop.create_future()
        self._loop.add_reader(fileno, self._on_readable)

    async def ended(self) -> CaptureError:
        """Returns when the display has closed the connection."""
        return await asyncio.shield(self._end)

    def close(self) -> None:
        """Listens no more; idempotent."""
        if self._fileno >= 0:
            self._loop.remove_reader(self._fileno)
            self._fileno = -1

    def _on_readable(self) -> None:
        try:
            self._read()
        except CaptureError as error:
            self.close()
            log.info("display_ended", error=error.message)
            self._end.set_result(CaptureError(f"The display {self._name} is gone"))
