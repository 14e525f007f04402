"""What goes to a display in its order, also where characters among it have to wait for keys that write them.

Characters that come together are given their keys together, before the first of them is pressed: keys that change their
meaning while a program looks them up would be a race. What comes after text waits with it; what comes to nobody's text
goes at once. Lives on the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from dillinger_contracts.errors import Unavailable

from .spare_keys import SpareKeys

log = structlog.get_logger()

MOST_WAITING = 1024
"""When more has come together, no key rests any more."""
_GATHER_S = 0.002
"""How long a character waits for those that were sent with it."""


class Lent(NamedTuple):
    """A character, the key that types it, and whether that is to be set up first."""

    code_point: int
    code: int
    is_new: bool


class InLine:
    """For one display; to be settled before that is closed."""

    def __init__(self, spare: SpareKeys, write: Callable[[Sequence[Lent]], None]) -> None:
        """`write` sets up the keys that are new, then presses all of them."""
        self._spare = spare
        self._write_now = write
        self._waiting: deque[int | Callable[[], None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def do(self, act: Callable[[], None]) -> None:
        """Now, or after what waits; raises what `act` does where that is now."""
        if self._waiting:
            self._append(act)
        else:
            act()

    def write(self, code_point: int) -> None:
        """Likewise a character; raises `Unavailable` where there is no key for any."""
        if not len(self._spare):
            raise Unavailable("This desktop's keyboard has no key left to type text with", hint="Paste it instead")
        self._append(code_point)

    def settle(self) -> None:
        """Nothing waits any longer, rested or not: somebody lets go of everything. Each act is tried, then what one of
        them raised is raised. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        self._advance(is_hurried=True)

    def _append(self, item: int | Callable[[], None]) -> None:
        self._waiting.append(item)
        if len(self._waiting) > MOST_WAITING:
            self.settle()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER_S, self._advance_late)

    def _advance(self, *, is_hurried: bool = False) -> None:
        self._timer = None
        failed: Unavailable | None = None
        while self._waiting:
            head = self._waiting[0]
            try:
                if callable(head):
                    self._waiting.popleft()
                    head()
                elif batch := self._take(is_hurried=is_hurried or failed is not None):
                    if failed is None:
                        self._write_now(batch)
                else:
                    wait_s = self._spare.wait_s(head, time.monotonic())
                    self._timer = asyncio.get_running_loop().call_later(wait_s, self._advance_late)
                    break
            except Unavailable as error:
                failed = error  # what is held is let go all the same
        if failed is not None:
            raise failed

    def _take(self, *, is_hurried: bool) -> list[Lent]:
        """The characters at the head of the line that there are keys for."""
        now_s, batch = time.monotonic(), list[Lent]()
        while self._waiting and len(batch) < len(self._spare):
            head = self._waiting[0]
            if callable(head) or (not is_hurried and self._spare.wait_s(head, now_s)):
                break
            self._waiting.popleft()
            batch.append(Lent(head, *self._spare.take(head, now_s)))
        return batch

    def _advance_late(self) -> None:
        try:
            self._advance()
        except Unavailable as error:
            log.warning("input_lost", error=error.message)
