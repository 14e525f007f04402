"""What the pipeline measured in the last second. Written by the pipeline's thread, read by any other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from dillinger_contracts.session import VideoFormat

_WINDOW_NS = 1_000_000_000
_MOST_FRAMES = 512


@dataclass(frozen=True, slots=True)
class FrameTiming:
    """The stages of one unit."""

    at_ns: int
    bits: int
    is_capture: bool
    """False for a picture that was encoded again: nothing was grabbed."""
    damage_to_grab_ms: float
    grab_ms: float
    convert_ms: float
    encode_ms: float


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


class Telemetry:
    """A window of one second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: deque[FrameTiming] = deque(maxlen=_MOST_FRAMES)
        self._size: tuple[int | None, int | None] = (None, None)

    def add(self, timing: FrameTiming, *, width_px: int, height_px: int) -> None:
        """One unit was made."""
        with self._lock:
            self._frames.append(timing)
            self._size = (width_px, height_px)

    def stats(self, now_ns: int) -> PipelineStats:
        """The second before `now_ns`."""
        with self._lock:
            frames = [frame for frame in self._frames if now_ns - frame.at_ns <= _WINDOW_NS]
            width_px, height_px = self._size
        grabbed = [frame for frame in frames if frame.is_capture]

        def quantile(of: list[FrameTiming], pick: Callable[[FrameTiming], float], share: float) -> float | None:
            values = sorted(pick(frame) for frame in of)
            return round(values[int((len(values) - 1) * share)], 3) if values else None

        return PipelineStats(
            capture_fps=float(len(grabbed)),
            bitrate_bps=float(sum(frame.bits for frame in frames)),
            width_px=width_px,
            height_px=height_px,
            damage_to_grab_ms_p50=quantile(grabbed, lambda frame: frame.damage_to_grab_ms, 0.5),
            damage_to_grab_ms_p95=quantile(grabbed, lambda frame: frame.damage_to_grab_ms, 0.95),
            grab_ms_p50=quantile(grabbed, lambda frame: frame.grab_ms, 0.5),
            grab_ms_p95=quantile(grabbed, lambda frame: frame.grab_ms, 0.95),
            convert_ms_p50=quantile(grabbed, lambda frame: frame.convert_ms, 0.5),
            convert_ms_p95=quantile(grabbed, lambda frame: frame.convert_ms, 0.95),
            encode_ms_p50=quantile(frames, lambda frame: frame.encode_ms, 0.5),
            encode_ms_p95=quantile(frames, lambda frame: frame.encode_ms, 0.95),
        )
