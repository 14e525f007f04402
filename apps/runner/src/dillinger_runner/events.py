"""The event feed: the last facts, numbered, for any number of readers, each at its own pace.

A reader keeps a number, not a queue: one that is slow costs nothing, and one that is too late, new, or from another
runner's time gets the whole state first. A feed's name tells the runners' times apart.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from dillinger_contracts import RunnerEvent


@dataclass(frozen=True, slots=True)
class Fact:
    """An event, with the id that a reader gives to go on after it; None where it must not go on from there."""

    event_id: str | None
    event: RunnerEvent


class EventFeed:
    """Lives on the runner's loop."""

    def __init__(self, snapshot: Callable[[], Sequence[RunnerEvent]], *, history: int = 1000) -> None:
        self._name = secrets.token_hex(4)
        self._snapshot = snapshot
        self._events: deque[tuple[int, RunnerEvent]] = deque(maxlen=history)
        self._number = 0
        self._news = asyncio.Event()
        self._is_closed = False

    def publish(self, event: RunnerEvent) -> None:
        """Adds a fact and wakes all readers."""
        self._number += 1
        self._events.append((self._number, event))
        self._wake()

    def close(self) -> None:
        """Lets all readers finish."""
        self._is_closed = True
        self._wake()

    async def follow(self, last_event_id: str | None, *, heartbeat_s: float) -> AsyncIterator[Fact | None]:
        """Facts after `last_event_id`, as they come; None as a sign of life when there was none for a while."""
        number = self._number_of(last_event_id)
        while not self._is_closed:
            news = self._news
            if number is None or number < self._oldest() - 1:
                number = self._number
                events = self._snapshot()
                for index, event in enumerate(events, start=1):
                    # only the last has an id: who is cut off in the middle must not go on from there
                    yield Fact(self._id(number) if index == len(events) else None, event)
            for fact_number, event in [entry for entry in self._events if entry[0] > number]:
                number = fact_number
                yield Fact(self._id(number), event)
            try:
                async with asyncio.timeout(heartbeat_s):
                    await news.wait()
            except TimeoutError:
                yield None

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _oldest(self) -> int:
        return self._events[0][0] if self._events else self._number + 1

    def _id(self, number: int) -> str:
        return f"{self._name}-{number}"

    def _number_of(self, event_id: str | None) -> int | None:
        name, _, number = (event_id or "").partition("-")
        if name != self._name or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return None
        return int(number) if int(number) <= self._number else None
