"""The runner's end of a seat's control socket: what is to be sent, and why it is to be closed. Lives on the runner's
loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dillinger_contracts import DillingerError, Unavailable
from dillinger_contracts.control import Ack, Enrolled, StopSeat, TraceTold, TraceWanted
from dillinger_contracts.stages import StreamTrace

Outgoing = Enrolled | Ack | StopSeat | TraceWanted
ANSWER_S = 20.0
"""A machine that is asked why it is slow may be slow to answer."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Ends the link with this error's close code."""

    error: DillingerError


class SeatLink:
    """A bounded way to one enrolled seat; a seat that does not read is dropped rather than waited for."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Outgoing | Closing] = asyncio.Queue(maxsize=64)
        self._asked = 0
        self._answers: dict[int, asyncio.Future[StreamTrace]] = {}

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
        self.gone()

    def gone(self) -> None:
        """The seat answers nothing any more: whoever waits for an answer hears so at once."""
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(_silent())

    async def trace(self) -> StreamTrace:
        """What became of the seat's last pictures; raises `Unavailable` where it does not say in time."""
        self._asked += 1
        number, answer = self._asked, self._answers.setdefault(self._asked, asyncio.get_running_loop().create_future())
        try:
            if self.send(TraceWanted(number=number)):
                async with asyncio.timeout(ANSWER_S):
                    return await answer
        except TimeoutError:
            pass
        finally:
            del self._answers[number]
        raise _silent()

    def told(self, message: TraceTold) -> None:
        """The seat's answer; one that nobody waits for any more is dropped."""
        answer = self._answers.get(message.number)
        if answer is not None and not answer.done():
            answer.set_result(message.trace)

    async def next(self) -> Outgoing | Closing:
        """What to do next."""
        return await self._queue.get()


def _silent() -> Unavailable:
    return Unavailable("The session's seat does not answer", retry_after_s=1)
