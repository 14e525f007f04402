"""Fans changes out to browsers: a ring of the newest events, which every follower reads at its own pace.

There is no queue per follower, so a slow one costs nothing; one that falls out of the ring, or comes back with an id
of another start of core, is told to begin afresh. Owned by the event loop.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

RING_EVENTS = 512


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One change."""

    event_id: str
    event: Literal["session", "library"]
    data: str
    """JSON."""
    user_name: str | None
    """Whose session it is about; None concerns everybody."""


@dataclass(frozen=True, slots=True)
class Afresh:
    """What came before is not known any more: show everything as it is now, then go on from `event_id`."""

    event_id: str


class Feed:
    """The ring."""

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(4)
        self._ring: deque[FeedEvent] = deque(maxlen=RING_EVENTS)
        self._next = 1
        self._changed = asyncio.Event()
        self._is_closed = False

    def publish(self, event: Literal["session", "library"], data: str, *, user_name: str | None = None) -> None:
        """Adds an event and wakes the followers."""
        self._ring.append(FeedEvent(self._id(self._next), event, data, user_name))
        self._next += 1
        self._wake()

    def close(self) -> None:
        """Ends every follower, now and in future."""
        self._is_closed = True
        self._wake()

    async def follow(self, last_id: str | None, *, beat_s: float) -> AsyncIterator[FeedEvent | Afresh | None]:
        """Every event after `last_id`; `Afresh` where that can't be told; None every `beat_s` seconds without one."""
        position = self._position(last_id)
        while not self._is_closed:
            changed = self._changed
            oldest = self._next - len(self._ring)
            if position is None or position < oldest:
                position = self._next
                yield Afresh(self._id(position - 1))
            elif position < self._next:
                event = self._ring[position - oldest]
                position += 1
                yield event
            else:
                try:
                    async with asyncio.timeout(beat_s):
                        await changed.wait()
                except TimeoutError:
                    yield None

    def _position(self, last_id: str | None) -> int | None:
        epoch, _, number = (last_id or "").partition("-")
        if epoch != self._epoch or not number.isascii() or not number.isdigit() or len(number) > 15:
            return None
        return min(int(number) + 1, self._next)

    def _id(self, number: int) -> str:
        return f"{self._epoch}-{number}"

    def _wake(self) -> None:
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()
