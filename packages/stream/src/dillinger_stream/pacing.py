"""How often a picture may be taken: a token bucket in its GCRA form (ITU-T I.371). Pure; the clock is an argument.

A limiter that waits for the next slot of a fixed grid sits half a slot late against a game that draws at about the
same rate. The bucket lets a picture pass at once whenever the average allows it, and holds back only what is faster
than the rate.
"""

from __future__ import annotations

_BURST = 1.5
"""How far a frame may come before its time, in intervals: a game's frames jitter by about that."""


class TokenBucket:
    """Lets `rate_hz` pictures a second pass."""

    def __init__(self, rate_hz: float, *, burst: float = _BURST) -> None:
        self._burst = burst
        self._next_ns = 0.0
        self.set_rate(rate_hz)

    def set_rate(self, rate_hz: float) -> None:
        """Takes effect at once; what was let pass before counts on."""
        self._interval_ns = 1e9 / rate_hz

    def wait_ns(self, now_ns: int) -> int:
        """How long to wait until a picture may pass; 0 for now."""
        return max(0, round(self._next_ns - self._burst * self._interval_ns - now_ns))

    def take(self, now_ns: int) -> None:
        """A picture has passed."""
        self._next_ns = max(self._next_ns, float(now_ns)) + self._interval_ns
