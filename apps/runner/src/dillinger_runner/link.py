"""The runner's end of a seat's control socket: what is to be sent, and why it is to be closed. Lives on the runner's
loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dillinger_contracts import DillingerError
from dillinger_contracts.control import Ack, Enrolled, StopSeat

Outgoing = Enrolled | Ack | StopSeat


@dataclass(frozen=True, slots=True)
class Closing:
    """Ends the link with this error's close code."""

    error: DillingerError


class SeatLink:
    """A bounded way to one enrolled seat; a seat that does not read is dropped rather than waited for."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Outgoing | Closing] = asyncio.Queue(maxsize=64)

    def send(self, message: Outgoing) -> bool:
        """Queues a message; False when the seat has not read for so long that the queue is full."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def close(self, error: DillingerError) -> None:
        """Ends the link, before anything else that waits."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(Closing(error))

    async def next(self) -> Outgoing | Closing:
        """What to do next."""
        return await self._queue.get()
