"""Wake-ups at the ends of seats that need not be children of this process: by pidfd, on the runner's loop."""

from __future__ import annotations

import asyncio
import contextlib
import os

from .base import SeatHandle
from .identity import Identity, open_pidfd

_MOST = 1024


class Exits:
    """Who is watched, and who has ended since it was asked before."""

    def __init__(self) -> None:
        self._watched: dict[str, int] = {}
        self._ended: asyncio.Queue[SeatHandle] = asyncio.Queue(maxsize=_MOST)

    async def next(self) -> SeatHandle:
        """A seat that ended."""
        return await self._ended.get()

    def watch(self, handle: SeatHandle, identity: Identity) -> None:
        """Tells when this process has ended, at once where it has; nothing happens where its session is watched."""
        if handle.session_id in self._watched:
            return
        descriptor = open_pidfd(identity)
        if descriptor is None:
            self._tell(handle)
            return
        self._watched[handle.session_id] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._exited, handle)

    def forget(self, session_id: str) -> None:
        """Watches it no more."""
        descriptor = self._watched.pop(session_id, None)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def close(self) -> None:
        """Watches nobody any more."""
        for session_id in list(self._watched):
            self.forget(session_id)

    def _exited(self, handle: SeatHandle) -> None:
        self.forget(handle.session_id)
        self._tell(handle)

    def _tell(self, handle: SeatHandle) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # losing a wake-up is harmless
            self._ended.put_nowait(handle)
