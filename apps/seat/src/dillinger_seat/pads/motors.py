"""Tells a browser what its gamepad's motors are to do: when that changes, not too often, and again while it lasts.

On the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from .base import OnRumble
from .rumble import Strength

_SPACING_S = 0.025
_REFRESH_MS = 4000
"""Browsers let a pad rumble for 5 s at most: what lasts longer is said again."""
_LONGEST_MS = 5000
_LATE_MS = 200
"""What is said lasts a little longer than until the next look, which may be late."""


class Motors:
    """Both motors of one gamepad."""

    def __init__(self, on_rumble: OnRumble, asked: Callable[[int], Iterable[Strength]]) -> None:
        """`asked` is what each program wants of them, at a time in milliseconds (monotonic)."""
        self._on_rumble = on_rumble
        self._asked = asked
        self._loop = asyncio.get_running_loop()
        self._now = (0.0, 0.0)
        self._said_at_ms = 0
        self._timer: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        """Something was asked of them: the newest is said, as soon as may be."""
        spent_s = time.monotonic() - self._said_at_ms / 1000
        self._look_in(max(0.0, _SPACING_S - spent_s))

    def _look_in(self, wait_s: float) -> None:
        self.close()
        self._timer = self._loop.call_later(wait_s, self._look)

    def _look(self) -> None:
        self._timer = None
        now_ms = time.monotonic_ns() // 1_000_000
        asked = list(self._asked(now_ms))
        strengths = min(1.0, sum(each.strong for each in asked)), min(1.0, sum(each.weak for each in asked))
        edges = [each.until_ms for each in asked if each.until_ms is not None]
        next_ms = min([*edges, now_ms + _REFRESH_MS]) if edges else now_ms
        is_due = any(strengths) and now_ms >= self._said_at_ms + _REFRESH_MS
        if strengths != self._now or is_due:
            self._now, self._said_at_ms = strengths, now_ms
            self._on_rumble(*strengths, min(_LONGEST_MS, next_ms - now_ms + _LATE_MS) if any(strengths) else 0)
        if edges:
            self._look_in(max(_SPACING_S, (next_ms - now_ms) / 1000))

    def close(self) -> None:
        """Says nothing more; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
