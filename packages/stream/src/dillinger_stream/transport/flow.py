"""What is on its way to one viewer, measured by the viewer's `shown` messages. Pure; the clock is an argument.

A WebSocket's own buffers say little: between seat and browser lie a relay and two kernels, which swallow megabytes
before `send` blocks. So the window counts time: a frame that was sent and is not shown after the path's own round
trip plus a margin means that what is sent now would come too late.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from .lowest import LowestOf

UNMEASURED_LIMIT_MS = 1500.0
"""Until the first frame is shown the decoder is being set up; this long it may take."""
MARGIN_MS = 120.0
"""On top of twice the base round trip: seven frames at 60 Hz, more than a scheduler's hiccup."""
MAX_IN_FLIGHT = 240
_BASE_WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class PathMeasure:
    """What a path did since the last measure; None is unknown."""

    samples: int = 0
    rtt_ms_p50: float | None = None
    """Sent → `shown` received, without what the browser says it took to decode and draw."""
    rtt_ms_p95: float | None = None
    latency_ms_p50: float | None = None
    """Captured → `shown` received."""
    dropped: int = 0
    loss_ratio: float | None = None
    backlog_frames: int = 0
    lost_segments: int | None = None
    """What TCP lost and sent again in the last second; None where nobody knows (see `tcp_path.py`)."""


@dataclass(frozen=True, slots=True)
class _Sent:
    captured_at_ns: int
    sent_at_ns: int


def percentile(values: list[float], share: float) -> float | None:
    """The nearest-rank percentile, None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class FlowWindow:
    """The frames between `sent` and `shown`. Frames are told by an increasing number."""

    def __init__(self) -> None:
        self._in_flight: OrderedDict[int, _Sent] = OrderedDict()
        self._base = LowestOf(_BASE_WINDOW_S)
        self._base_ms: float | None = None
        self._rtts_ms: list[float] = []
        self._latencies_ms: list[float] = []

    @property
    def in_flight(self) -> int:
        """Frames that were sent and not shown."""
        return len(self._in_flight)

    def sent(self, sequence: int, *, captured_at_ns: int, now_ns: int) -> None:
        """A frame leaves."""
        self._in_flight[sequence] = _Sent(captured_at_ns, now_ns)

    def unsent(self, sequence: int) -> None:
        """The frame was dropped before it left."""
        self._in_flight.pop(sequence, None)

    def shown(self, sequence: int, *, browser_us: int, now_ns: int) -> bool:
        """The viewer drew it, and thereby has done with those before it; False when it was not on its way."""
        frame = self._in_flight.get(sequence)
        if frame is None:
            return False
        while self._in_flight:
            number, _ = self._in_flight.popitem(last=False)
            if number == sequence:
                break
        whole_ms = (now_ns - frame.sent_at_ns) / 1e6
        self._base_ms = self._base.add(now_ns / 1e9, whole_ms)
        self._rtts_ms.append(max(0.0, whole_ms - browser_us / 1e3))
        self._latencies_ms.append((now_ns - frame.captured_at_ns) / 1e6)
        return True

    @property
    def base_ms(self) -> float | None:
        """The shortest round trip of late, the browser's decoding and drawing included."""
        return self._base_ms

    def limit_ms(self) -> float:
        """How long a frame may be on its way before the path counts as late."""
        return UNMEASURED_LIMIT_MS if self._base_ms is None else 2 * self._base_ms + MARGIN_MS

    def is_late(self, now_ns: int) -> bool:
        """Whether the oldest frame is overdue, or too many are on their way."""
        if not self._in_flight:
            return False
        oldest = next(iter(self._in_flight.values()))
        return len(self._in_flight) >= MAX_IN_FLIGHT or (now_ns - oldest.sent_at_ns) / 1e6 > self.limit_ms()

    def forget(self) -> None:
        """Nothing more is expected of what is on its way."""
        self._in_flight.clear()

    def measure(self, *, dropped: int = 0, loss_ratio: float | None = None) -> PathMeasure:
        """What was seen since the last call."""
        rtts_ms, latencies_ms = self._rtts_ms, self._latencies_ms
        self._rtts_ms, self._latencies_ms = [], []
        return PathMeasure(
            samples=len(rtts_ms),
            rtt_ms_p50=percentile(rtts_ms, 0.5),
            rtt_ms_p95=percentile(rtts_ms, 0.95),
            latency_ms_p50=percentile(latencies_ms, 0.5),
            dropped=dropped,
            loss_ratio=loss_ratio,
            backlog_frames=len(self._in_flight),
        )
