"""What the pipeline measured of its last pictures. Written by the pipeline's thread, read by any other.

A picture costs one small record here; whatever is made of them is made when somebody asks, once a second or so.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dillinger_contracts.session import VideoFormat
from dillinger_contracts.stages import Stage

WINDOW_NS = 1_000_000_000
MOST_PICTURES = 600
"""Ten seconds at 60 a second; as many are kept of each viewer's (`transport/trail.py`)."""


def quantile(values: Sequence[float], share: float) -> float | None:
    """One that was measured; None of nothing."""
    ordered = sorted(values)
    return round(ordered[int((len(ordered) - 1) * share)], 3) if ordered else None


@dataclass(frozen=True, slots=True)
class FrameTiming:
    """The stages of one unit."""

    at_ns: int
    """When it was done, monotonic."""
    bits: int
    is_capture: bool
    """False for a picture that was encoded again: nothing was grabbed."""
    damage_to_grab_ms: float
    grab_ms: float
    convert_ms: float
    encode_ms: float
    sequence: int = -1
    captured_at_ns: int = 0
    is_keyframe: bool = False

    @property
    def stages_ms(self) -> dict[Stage, float]:
        """Those that there were."""
        made: dict[Stage, float] = {"convert": self.convert_ms, "encode": self.encode_ms}
        return {"wait": self.damage_to_grab_ms, "capture": self.grab_ms, **made} if self.is_capture else made


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """One second's figures; None is unknown, for nothing was measured."""

    capture_fps: float
    bitrate_bps: float
    limit_hz: float | None = None
    """Pictures a second, where they are kept to fewer than are wished."""
    limit_reason: str | None = None
    codec_reason: str | None = None
    formats: tuple[VideoFormat, ...] = ("h264",)
    """What this machine encodes in time."""
    width_px: int | None = None
    height_px: int | None = None
    damage_to_grab_ms_p50: float | None = None
    damage_to_grab_ms_p95: float | None = None
    grab_ms_p50: float | None = None
    grab_ms_p95: float | None = None
    convert_ms_p50: float | None = None
    convert_ms_p95: float | None = None
    encode_ms_p50: float | None = None
    encode_ms_p95: float | None = None
    format: VideoFormat = "h264"
    """What is made now."""
    is_hardware: bool = False
    rate_hz: float | None = None
    """What is wished and can be had."""
    cpu_share: float | None = None
    """Of the time that converting and encoding took, how much of it the thread had a processor; None where that says
    nothing (graphics cards and encoders with threads of their own)."""
    is_steady: bool = False
    """Pictures were captured at even intervals, all through the second."""
    stages: Mapping[Stage, Sequence[float]] = field(default_factory=dict)
    """Milliseconds of each of the second's pictures."""


class Telemetry:
    """The last pictures, and figures of one second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: deque[FrameTiming] = deque(maxlen=MOST_PICTURES)
        self._size: tuple[int | None, int | None] = (None, None)
        self._working_ns = 0
        self._cpu = CpuShare()

    def begin(self) -> None:
        """To be called by the pipeline's thread."""
        self._cpu.begin()

    def add(self, timing: FrameTiming, *, width_px: int, height_px: int) -> None:
        """One unit was made."""
        with self._lock:
            self._frames.append(timing)
            self._size = (width_px, height_px)
            self._working_ns += int((timing.convert_ms + timing.encode_ms) * 1e6)

    def pictures(self) -> list[FrameTiming]:
        """All that are kept, oldest first."""
        with self._lock:
            return list(self._frames)

    def stats(self, now_ns: int) -> PipelineStats:
        """The second before `now_ns`."""
        with self._lock:
            frames = [frame for frame in self._frames if now_ns - frame.at_ns <= WINDOW_NS]
            width_px, height_px = self._size
            cpu_share = self._cpu.read(now_ns, self._working_ns)
        grabbed = [frame for frame in frames if frame.is_capture]
        stages: dict[Stage, Sequence[float]] = {
            "wait": [frame.damage_to_grab_ms for frame in grabbed],
            "capture": [frame.grab_ms for frame in grabbed],
            "convert": [frame.convert_ms for frame in grabbed],
            "encode": [frame.encode_ms for frame in frames],
        }
        return PipelineStats(
            capture_fps=float(len(grabbed)),
            bitrate_bps=float(sum(frame.bits for frame in frames)),
            width_px=width_px,
            height_px=height_px,
            damage_to_grab_ms_p50=quantile(stages["wait"], 0.5),
            damage_to_grab_ms_p95=quantile(stages["wait"], 0.95),
            grab_ms_p50=quantile(stages["capture"], 0.5),
            grab_ms_p95=quantile(stages["capture"], 0.95),
            convert_ms_p50=quantile(stages["convert"], 0.5),
            convert_ms_p95=quantile(stages["convert"], 0.95),
            encode_ms_p50=quantile(stages["encode"], 0.5),
            encode_ms_p95=quantile(stages["encode"], 0.95),
            cpu_share=cpu_share,
            is_steady=_is_steady([frame.captured_at_ns for frame in grabbed]),
            stages=stages,
        )


def _is_steady(times_ns: Sequence[int]) -> bool:
    """Whether no interval is much longer than the others, and all of them are most of the second."""
    gaps_ns = [after - before for before, after in itertools.pairwise(times_ns)]
    if not gaps_ns or sum(gaps_ns) < 0.7 * WINDOW_NS:
        return False
    return max(gaps_ns) < 1.8 * sorted(gaps_ns)[len(gaps_ns) // 2]


class CpuShare:
    """How much of its working time a thread had a processor, over half a second or more."""

    _LEAST_NS = 500_000_000
    _LEAST_WORK_NS = 20_000_000

    def __init__(self) -> None:
        self._clock: int | None = None
        self._read_ns = self._cpu_ns = self._working_ns = 0
        self._share: float | None = None

    def begin(self) -> None:
        """From now on the calling thread is the one. Its clock may be asked for when it is gone."""
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._cpu_ns = time.clock_gettime_ns(self._clock)

    def read(self, now_ns: int, working_ns: int) -> float | None:
        """The share, anew where there is enough since the last time; `working_ns` counts what it was at work."""
        if self._clock is None or now_ns - self._read_ns < self._LEAST_NS:
            return self._share
        try:
            cpu_ns = time.clock_gettime_ns(self._clock)
        except OSError:  # the thread has ended
            return None
        worked_ns, used_ns = working_ns - self._working_ns, cpu_ns - self._cpu_ns
        # What else the thread does is counted as work of these stages: it makes the share too large, never too small.
        self._share = min(1.0, used_ns / worked_ns) if worked_ns >= self._LEAST_WORK_NS else None
        self._read_ns, self._cpu_ns, self._working_ns = now_ns, cpu_ns, working_ns
        return self._share
