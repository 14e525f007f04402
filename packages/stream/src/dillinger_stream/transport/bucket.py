"""A token bucket: how much of something a peer may do. Pure; the clock is an argument."""

from __future__ import annotations


class TokenBucket:
    """Refills at `rate_hz` up to `burst`. `take` never refuses, it says how long to wait; a debt is one at most."""

    def __init__(self, *, rate_hz: float, burst: float) -> None:
        self._rate_hz = rate_hz
        self._burst = burst
        self._level = burst
        self._filled_at_s: float | None = None

    def take(self, now_s: float) -> float:
        """Takes one; returns the seconds after which it is paid for (0 when it is already)."""
        self._refill(now_s)
        self._level = max(self._level - 1, -1.0)
        return 0.0 if self._level >= 0 else -self._level / self._rate_hz

    def try_take(self, now_s: float) -> bool:
        """Takes one if there is one."""
        self._refill(now_s)
        if self._level < 1:
            return False
        self._level -= 1
        return True

    def _refill(self, now_s: float) -> None:
        if self._filled_at_s is not None:
            self._level = min(self._burst, self._level + (now_s - self._filled_at_s) * self._rate_hz)
        self._filled_at_s = now_s
