"""The path of a WebSocket, from what the kernel at its end told (`signaling.TcpPath`). Pure; time is an argument.

The kernel answers acknowledgements even while every process here waits for a CPU, so its figures tell a thin or lossy
path from a busy machine. They are of one TCP connection only: where a proxy stands between core and the browser, core's
connection ends there, and what is told of it says little; then the gauge says that it does not know.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from dillinger_contracts.signaling import TcpPath

from .lowest import LowestOf
from .rate import PathState

BASE_WINDOW_S = 10.0
SMOOTH_S = 0.25
"""Over so much time what arrives is averaged: some frames."""
LOSS_WINDOW_S = 1.0
FRESH_S = 1.5
PROXY_MS = 20.0
"""A browser whose messages take so much longer than twice TCP's round trip is not at the other end of that TCP."""


@dataclass(frozen=True, slots=True)
class _Told:
    at_s: float
    path: TcpPath


class TcpGauge:
    """One connection's state."""

    def __init__(self) -> None:
        self._told: deque[_Told] = deque()
        self._base = LowestOf(BASE_WINDOW_S)
        self._base_ms = 0.0

    def take(self, path: TcpPath, now_s: float) -> PathState:
        """What the newest report makes of it."""
        self._told.append(_Told(now_s, path))
        while now_s - self._told[0].at_s > LOSS_WINDOW_S:
            self._told.popleft()
        self._base_ms = self._base.add(now_s, path.rtt_ms)
        recent = [told.path for told in self._told if now_s - told.at_s <= SMOOTH_S]
        carried_bps = sum(one.acked_bytes for one in recent) * 8000 / sum(one.interval_ms for one in recent)
        stuck_ms = path.interval_ms if path.queued_bytes else 0.0
        waiting_ms = path.queued_bytes * 8000 / carried_bps if carried_bps else stuck_ms
        sent = sum(told.path.sent_segments for told in self._told)
        return PathState(
            queue_ms=path.rtt_ms - self._base_ms + waiting_ms,
            carried_bps=carried_bps,
            rtt_ms=self._base_ms,
            loss_ratio=min(1.0, self.lost(now_s) / sent) if sent else 0.0,
        )

    def lost(self, now_s: float) -> int:
        """Segments that were lost in the last second; those that were sent again but had only been late don't count."""
        recent = [told.path for told in self._told if now_s - told.at_s <= LOSS_WINDOW_S]
        return max(0, sum(path.resent_segments - path.duplicate_segments for path in recent))

    def knows(self, now_s: float, *, browser_rtt_ms: float | None) -> bool:
        """Whether it speaks for the whole path; `browser_rtt_ms` is the shortest that the browser's messages took."""
        if not self._told or now_s - self._told[-1].at_s > FRESH_S:
            return False
        return browser_rtt_ms is None or browser_rtt_ms <= 2 * self._base_ms + PROXY_MS
