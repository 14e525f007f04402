"""How often a picture may be taken: a token bucket in its GCRA form (ITU-T I.371). Pure; the clock is an argument.

A limiter that waits for the next slot of a fixed grid sits half a slot late against a game that draws at about the
same rate. The bucket lets a picture pass at once whenever the average allows it, and holds back only what is faster
than the rate.

The bucket fills a little faster than it is emptied: a game whose timer agrees with ours to the last digit would
otherwise never pay back a hiccup, and every later frame would wait for it.
"""

from __future__ import annotations

_BURST = 1.5
"""How far a frame may come before its time, in intervals: a game's frames jitter by about that."""
_HEADROOM = 1.05
"""How much faster than the rate the bucket fills: a burst of one frame is paid back in a third of a second at 60 Hz."""


class TokenBucket:
    """Lets `rate_hz` pictures a second pass, and a twentieth more where they come that fast."""

    def __init__(self, rate_hz: float, *, burst: float = _BURST) -> None:
        self._burst = burst
        self._next_ns = 0.0
        self.set_rate(rate_hz)

    def set_rate(self, rate_hz: float) -> None:
        """Takes effect at once; what was let pass before counts on."""
        self._interval_ns = 1e9 / (rate_hz * _HEADROOM)

    def wait_ns(self, now_ns: int) -> int:
        """How long to wait until a picture may pass; 0 for now."""
        return max(0, round(self._next_ns - self._burst * self._interval_ns - now_ns))

    def take(self, now_ns: int) -> None:
        """A picture has passed."""
        self._next_ns = max(self._next_ns, float(now_ns)) + self._interval_ns
