"""Fewer pictures where the network carries too little for sharp ones: the step after the bitrate. Pure; the clock is an
argument.

What is too coarse is told by the quantizer, which the encoder chooses for the bitrate that is left: so a card game
keeps its sixty pictures on a path where a shooter does not. A step down is taken after a second, a step up after four
and only well above where the next step down is, so that the rate does not swing.
"""

from __future__ import annotations

from dataclasses import dataclass

from dillinger_contracts.session import Preference

_STEPS_HZ = (60.0, 45.0, 30.0, 20.0, 15.0)
_SETTLING_NS = 300_000_000
"""Time constant of what counts as the present quantizer."""
_DOWN_AFTER_NS, _UP_AFTER_NS = 1_000_000_000, 4_000_000_000


@dataclass(frozen=True, slots=True)
class _Limits:
    coarsest: float
    """Coarser than this for a second, and there will be fewer pictures."""
    finest: float
    """Finer than this for four seconds, and there will be more."""


_LIMITS: dict[Preference, _Limits | None] = {"balanced": _Limits(42, 34), "sharp": _Limits(36, 28), "smooth": None}


class RateLadder:
    """For one stream."""

    def __init__(self, preference: Preference = "balanced") -> None:
        self._limits = _LIMITS[preference]
        self._step = 0
        self._quantizer: float | None = None
        self._seen_ns = 0
        self._beyond_ns: int | None = None
        """Since when the present quantizer is beyond a limit; which one follows from it."""

    def prefer(self, preference: Preference) -> None:
        """The viewer chose anew."""
        self._limits = _LIMITS[preference]
        if self._limits is None:
            self._rest(0)

    def limit(self, wish_hz: float) -> float:
        """How many pictures a second there shall be of the `wish_hz` that are wished."""
        return wish_hz if self._step == 0 else min(wish_hz, _STEPS_HZ[self._step])

    def saw(self, now_ns: int, quantizer: int, *, wish_hz: float) -> None:
        """A picture of motion was encoded."""
        if self._limits is None:
            return
        share = min((now_ns - self._seen_ns) / _SETTLING_NS, 1.0)
        self._seen_ns = now_ns
        self._quantizer = (
            quantizer if self._quantizer is None else self._quantizer + share * (quantizer - self._quantizer)
        )
        is_coarse, is_fine = self._quantizer > self._limits.coarsest, self._quantizer < self._limits.finest
        if not (is_coarse and self._step < len(_STEPS_HZ) - 1) and not (is_fine and self._step):
            self._beyond_ns = None
            return
        if self._beyond_ns is None:
            self._beyond_ns = now_ns
        elif now_ns - self._beyond_ns >= (_DOWN_AFTER_NS if is_coarse else _UP_AFTER_NS):
            # A step that the wish makes no difference to is none.
            lower = next((step for step in range(self._step + 1, len(_STEPS_HZ)) if _STEPS_HZ[step] < wish_hz), None)
            self._rest((self._step if lower is None else lower) if is_coarse else self._step - 1)

    def _rest(self, step: int) -> None:
        self._step, self._quantizer, self._beyond_ns = step, None, None
