"""The lowest of what was measured of late: what a path takes at best. Pure; time is an argument."""

from __future__ import annotations

from collections import deque
from operator import itemgetter

_LOW = itemgetter(1)


class LowestOf:
    """The lowest of the values of the last seconds, in steps of a second."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._lows: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, value: float) -> float:
        """Takes a value in and returns the lowest."""
        while self._lows and now_s - self._lows[0][0] > self._window_s:
            self._lows.popleft()
        if not self._lows or now_s - self._lows[-1][0] >= 1.0:
            self._lows.append((now_s, value))
        else:
            start_s, low = self._lows[-1]
            self._lows[-1] = (start_s, min(low, value))
        return min(self._lows, key=_LOW)[1]
