"""What one viewer's path may be given: the rate control where the path tells of itself, a coarse cap where it does not.

Shared by the ways a viewer may be served (`carrier.py`, `offered.py`). Pure but for the clock. Lives on the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .congestion import BitrateCap
from .flow import PathMeasure
from .pacer import THIN_FACTOR, WIDE_FACTOR
from .rate import PathState, RateControl

STEERLESS_S = 5.0
"""Frames go through and nobody told of the path for so long: nobody will."""


class Steering:
    """The target of one viewer's bitrate."""

    def __init__(self, *, wish_bps: Callable[[], int], on_target: Callable[[], None]) -> None:
        """`wish_bps` is what the viewer would like; `on_target` is told when `target_bps` or `hold_until_ns` moved."""
        self._wish_bps, self._on_target = wish_bps, on_target
        self._cap = BitrateCap()
        self._rate = RateControl()
        self._steered_at_s: float | None = None
        """When `_rate` was last told of the path; until then `_cap` makes do with what the viewer shows."""

    @property
    def target_bps(self) -> int | None:
        """What the path bears; None where it bears what is wished."""
        return self._cap.bps if self._steered_at_s is None else self._rate.bps

    @property
    def is_duplicated(self) -> bool:
        """Whether the path loses so much that each packet is to be sent twice."""
        return self._steered_at_s is not None and self._rate.is_duplicated

    @property
    def hold_until_ns(self) -> int:
        """Until then (monotonic) the path is too full for any picture."""
        return round(self._rate.paused_until_s * 1e9)

    def follow(self, state: PathState) -> None:
        """The path told of itself."""
        now_s = time.monotonic()
        before = (self.target_bps, self._rate.paused_until_s)
        self._steered_at_s = now_s
        self._rate.step(now_s, state, wish_bps=self._wish_bps())
        if (self.target_bps, self._rate.paused_until_s) != before:
            self._on_target()

    def tick(self, measure: PathMeasure) -> None:
        """Once a second: what the viewer showed."""
        before_bps, now_s = self.target_bps, time.monotonic()
        self._cap.step(now_s, measure, wish_bps=self._wish_bps())
        if self._steered_at_s is not None and measure.samples and now_s - self._steered_at_s > STEERLESS_S:
            self._steered_at_s = None
        if self.target_bps != before_bps:
            self._on_target()

    def restart(self) -> None:
        """Another transport takes over."""
        self._rate.restart()

    def pace_bps(self) -> float:
        """How fast packets may leave."""
        target_bps = self.target_bps if self._steered_at_s is None else self._rate.path_bps
        return WIDE_FACTOR * self._wish_bps() if target_bps is None else THIN_FACTOR * target_bps
