"""A peer's one writer: every message to a browser goes through here, signaling first, then sound, then pictures.

Putting something in never blocks and never grows without bound; only the writer's task waits for a slow link, and a
link that is not slow gets media without it. It lives on the loop, one task a peer. Which pictures are worth sending is
`websocket.py`'s business.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from dillinger_contracts.errors import Exhausted
from dillinger_contracts.signaling import FromSeat

from .link import CLOSE_TIMEOUT_S, Link, LinkClosed

MAX_SIGNALS = 256
MAX_SOUNDS = 10
MAX_PICTURES = 32
MAX_PICTURE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Picture:
    sequence: int
    message: bytes


class Outlet:
    """The bounded queues in front of a `Link`, and the task that empties them."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._signals: deque[str] = deque()
        self._newest: Callable[[], FromSeat | None] | None = None
        self._sounds: deque[bytes] = deque(maxlen=MAX_SOUNDS)
        self._pictures: deque[_Picture] = deque()
        self._picture_bytes = 0
        self._farewell: tuple[int, str] | None = None
        self._work = asyncio.Event()
        self._deadline = asyncio.timeout(None)
        self._is_running = False
        self.on_picture_sent: Callable[[int], None] = _ignore
        """Is told the number of each picture that was handed to the link."""

    def say(self, message: FromSeat) -> None:
        """Queues a signaling message; raises `Exhausted` when the browser has stopped reading."""
        if self._farewell is not None:
            return
        if len(self._signals) >= MAX_SIGNALS:
            raise Exhausted("The browser does not read its messages")
        self._signals.append(message.model_dump_json())
        self._work.set()

    def say_newest(self, newest: Callable[[], FromSeat | None]) -> None:
        """Sends what `newest` says when there is room, until it says None: what changes often makes no queue."""
        if self._farewell is None:
            self._newest = newest
            self._work.set()

    def add_sound(self, message: bytes) -> None:
        """Sends a sound, at once where nothing waits; the oldest goes where the queue is full."""
        if self._passes(message):
            return
        self._sounds.append(message)
        self._work.set()

    def add_picture(self, sequence: int, message: bytes) -> bool:
        """Sends a picture, at once where nothing waits; False when there is no room: the link is stuck."""
        if len(self._pictures) >= MAX_PICTURES or self._picture_bytes + len(message) > MAX_PICTURE_BYTES:
            return False
        if self._passes(message):
            self.on_picture_sent(sequence)
            return True
        self._pictures.append(_Picture(sequence, message))
        self._picture_bytes += len(message)
        self._work.set()
        return True

    def drop_pictures(self) -> list[int]:
        """Forgets the pictures that have not left yet; returns their numbers."""
        dropped = [picture.sequence for picture in self._pictures]
        self._pictures.clear()
        self._picture_bytes = 0
        return dropped

    def waiting_bytes(self) -> int:
        """Media that has not left this process."""
        return self._picture_bytes + sum(map(len, self._sounds)) + self._link.backlog_bytes()

    def finish(self, code: int, reason: str) -> None:
        """Sends the signaling messages that wait, then closes; media is dropped. The first call counts."""
        if self._farewell is None:
            self._farewell = (code, reason)
            self._newest = None
            self._sounds.clear()
            self.drop_pictures()
            self._work.set()
            if self._is_running:
                self._limit()

    @property
    def is_finishing(self) -> bool:
        """Whether `finish` was called."""
        return self._farewell is not None

    async def run(self) -> None:
        """Writes until `finish` or until the link is gone; quietly, since the reader sees the closed link."""
        try:
            async with self._deadline:
                self._is_running = True
                if self._farewell is not None:
                    self._limit()
                await self._write()
        except (LinkClosed, TimeoutError):
            pass
        finally:
            self._is_running = False
        code, reason = self._farewell or (1001, "")
        await self._link.close(code, reason)

    async def _write(self) -> None:
        while (message := self._next()) is not None or self._farewell is None:
            if message is None:
                self._work.clear()
                await self._work.wait()
            elif isinstance(message, _Picture):
                await self._link.send(message.message)
                self.on_picture_sent(message.sequence)
            else:
                await self._link.send(message)

    def _passes(self, message: bytes) -> bool:
        """Whether `message` has left: nothing is to leave before it and the link has room, so the writer may sleep."""
        is_first = not (self._signals or self._newest or self._sounds or self._pictures)
        return is_first and self._is_running and self._farewell is None and self._link.send_now(message)

    def _limit(self) -> None:
        """A link that is stuck gets no more than `CLOSE_TIMEOUT_S` for the last messages."""
        self._deadline.reschedule(asyncio.get_running_loop().time() + CLOSE_TIMEOUT_S)

    def _next(self) -> str | bytes | _Picture | None:
        if self._signals:
            return self._signals.popleft()
        if self._newest is not None:
            message = self._newest()
            if message is not None:
                return message.model_dump_json()
            self._newest = None
        if self._sounds:
            return self._sounds.popleft()
        if self._pictures:
            picture = self._pictures.popleft()
            self._picture_bytes -= len(picture.message)
            return picture
        return None


def _ignore(_: int) -> None:
    """Nobody wants to know."""
