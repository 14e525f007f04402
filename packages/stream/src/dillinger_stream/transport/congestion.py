"""How much a path bears: a cap on the encoder's bitrate that falls fast and rises slowly. Pure; time is an argument.

Dropping to a keyframe keeps a late viewer's delay bounded, yet a path that is simply too thin would be late again at
once. So each second with drops or much loss takes the cap down by a third, and each calm one lets it grow by a quarter,
until the wish is reached again and there is no cap. A viewer that shows nothing at all (a hidden tab) tells nothing.
"""

from __future__ import annotations

from .flow import PathMeasure

FLOOR_BPS = 500_000
FALL = 0.67
RISE = 1.25
CALM_S = 3.0
"""So long after the last trouble the cap stays, lest it swing."""
LOSS_LIMIT = 0.05


class BitrateCap:
    """The cap for one viewer; `bps` is None while the path bears the wish."""

    def __init__(self) -> None:
        self.bps: int | None = None
        self._calm_from_s = 0.0

    def step(self, now_s: float, measure: PathMeasure, *, wish_bps: int) -> None:
        """Takes in a second's measure of the carrying path."""
        is_lossy = measure.loss_ratio is not None and measure.loss_ratio > LOSS_LIMIT
        if measure.samples and (measure.dropped or is_lossy):
            self._calm_from_s = now_s + CALM_S
            self.bps = max(min(FLOOR_BPS, wish_bps), int(FALL * min(self.bps or wish_bps, wish_bps)))
        elif self.bps is not None and measure.samples and now_s >= self._calm_from_s:
            grown = int(self.bps * RISE)
            self.bps = grown if grown < wish_bps else None
