"""What is given up where the network carries too little for sharp pictures: after the bitrate the frame rate, then the
resolution, then the codec. Pure; the clock is an argument.

What is too coarse is told by the quantizer, which the encoder chooses for the bitrate that is left (which follows loss
and delay): so a card game keeps its sixty pictures on a path where a shooter does not. In which order things are given
up is the viewer's to say. A step down is taken after a second, a step up after four and only well above where the next
step down is; a step up that did not last makes the next one wait twice as long. So nothing swings.

Where there is more than twice the bitrate again of what a step was given up at, it is the network that has changed, and
nobody waits: as many steps are taken at once as the quantizer has room for.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from dillinger_contracts.session import Preference

FULL, THREE_QUARTERS, HALF = Fraction(1), Fraction(3, 4), Fraction(1, 2)
_ANY_HZ = float("inf")
_SETTLING_NS = 300_000_000
"""Time constant of what counts as the present quantizer."""
_DOWN_AFTER_NS, _UP_AFTER_NS = 1_000_000_000, 4_000_000_000
_BACK_AFTER_NS = 300_000_000
"""A step up because of a network that has recovered: the quantizer has to follow the bitrate first."""
_RECOVERED = 2.0
"""So many times the bitrate at which it was given up."""
_REGRET_NS = 10_000_000_000
"""A step down this soon after a step up says that the step up was one too many."""
_MOST_PATIENCE = 16


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality of the stream."""

    most_hz: float = _ANY_HZ
    scale: Fraction = FULL
    """Of both edges of the picture."""
    is_thrifty: bool = False
    """In a codec that needs fewer bits, and more of the machine: affordable for small pictures."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What there is to choose from."""

    wish_hz: float
    least_scale: Fraction = HALF
    """A small desktop is not made smaller."""
    has_thrifty: bool = False
    bitrate_bps: float = 0.0
    """What the pictures may take now."""


@dataclass(frozen=True, slots=True)
class _Limits:
    coarsest: float
    """Coarser than this for a second, and there will be less of something."""
    finest: float
    """Finer than this for four seconds, and there will be more."""


_LIMITS: dict[Preference, _Limits] = {
    "balanced": _Limits(42, 34),
    "sharp": _Limits(36, 28),
    "smooth": _Limits(42, 34),
    "battery": _Limits(42, 34),
}
_LADDERS: dict[Preference, tuple[Rung, ...]] = {
    "balanced": (
        Rung(), Rung(45), Rung(30), Rung(30, THREE_QUARTERS), Rung(30, HALF), Rung(30, HALF, True),
        Rung(20, HALF, True), Rung(15, HALF, True),
    ),
    "sharp": (
        Rung(), Rung(45), Rung(30), Rung(20), Rung(15), Rung(15, THREE_QUARTERS), Rung(15, THREE_QUARTERS, True),
    ),
    "smooth": (
        Rung(), Rung(scale=THREE_QUARTERS), Rung(scale=HALF), Rung(45, HALF), Rung(30, HALF), Rung(30, HALF, True),
    ),
    "battery": (Rung(30), Rung(30, THREE_QUARTERS), Rung(30, HALF), Rung(20, HALF), Rung(15, HALF)),
}  # fmt: skip


class QualityLadder:
    """For one stream."""

    def __init__(self, preference: Preference = "balanced") -> None:
        self.step = 0
        """Which rung it is; 0 is the top."""
        self._quantizer: float | None = None
        self._beyond_ns: int | None = None
        """Since when the present quantizer is beyond a limit; which one follows from it."""
        self.prefer(preference)
        self._patience = 1
        self._raised_ns: int | None = None
        self._seen_ns = 0

    def prefer(self, preference: Preference) -> None:
        """The viewer chose anew: from the top."""
        self._preference: Preference = preference
        self._rungs, self._limits = _LADDERS[preference], _LIMITS[preference]
        self._left_at_bps = [0.0] * len(self._rungs)
        """The bitrate at which each rung was too coarse last."""
        self._rest(0)

    def rung(self, bounds: Bounds) -> Rung:
        """What is to be made now, within `bounds`."""
        return _within(self._rungs[self.step], bounds)

    def reason(self, bounds: Bounds) -> str | None:
        """Why that is less than what is wished, in words; None where it is not."""
        rung = self.rung(bounds)
        parts = []
        if rung.most_hz < bounds.wish_hz:
            parts.append(f"{rung.most_hz:g} of {bounds.wish_hz:g} pictures a second")
        if rung.scale < FULL:
            parts.append(f"{rung.scale} of the size")
        if not parts:
            return None
        if not self.step:
            return f"To save the battery: {', '.join(parts)}"
        return f"The network carries too little for sharp pictures: {', '.join(parts)}"

    def saw(self, now_ns: int, quantizer: int, bounds: Bounds) -> None:
        """A picture of motion was encoded."""
        share = min((now_ns - self._seen_ns) / _SETTLING_NS, 1.0)
        self._seen_ns = now_ns
        before = self._quantizer
        self._quantizer = quantizer if before is None else before + share * (quantizer - before)
        is_coarse, is_fine = self._quantizer > self._limits.coarsest, self._quantizer < self._limits.finest
        target, after_ns = None, _DOWN_AFTER_NS
        if is_coarse:
            target = self._next(bounds, 1)
        elif is_fine and self.step:
            target, after_ns = self._back(bounds), _BACK_AFTER_NS
            if target is None:
                target, after_ns = self._next(bounds, -1), _UP_AFTER_NS * self._patience
        if target is None:
            self._beyond_ns = None
        elif self._beyond_ns is None:
            self._beyond_ns = now_ns
        elif now_ns - self._beyond_ns >= after_ns:
            self._move(now_ns, target, bounds)

    def _move(self, now_ns: int, target: int, bounds: Bounds) -> None:
        if target < self.step:
            self._raised_ns = now_ns
        else:
            self._left_at_bps[self.step : target] = [bounds.bitrate_bps] * (target - self.step)
            is_regret = self._raised_ns is not None and now_ns - self._raised_ns < _REGRET_NS
            self._patience = min(2 * self._patience, _MOST_PATIENCE) if is_regret else self._patience
            self._raised_ns = None
        self._rest(target)

    def _back(self, bounds: Bounds) -> int | None:
        """The highest rung that a network which has recovered surely carries; None where it has not.

        No step is worth more quantizer than lies between the limits, or it would swing.
        """
        assert self._quantizer is not None
        limits = self._limits
        target, step = None, self.step
        for _ in range(int((limits.coarsest - self._quantizer) / (limits.coarsest - limits.finest))):
            above = self._next(bounds, -1, since=step)
            if above is None or bounds.bitrate_bps <= _RECOVERED * self._left_at_bps[above]:
                break
            target = step = above
        return target

    def _next(self, bounds: Bounds, way: int, *, since: int | None = None) -> int | None:
        """The next rung that makes a difference; None where there is none."""
        start = self.step if since is None else since
        now, step = _within(self._rungs[start], bounds), start + way
        while 0 <= step < len(self._rungs):
            if _within(self._rungs[step], bounds) != now:
                return step
            step += way
        return None

    def _rest(self, step: int) -> None:
        self.step, self._quantizer, self._beyond_ns = step, None, None


def _within(rung: Rung, bounds: Bounds) -> Rung:
    return Rung(
        min(rung.most_hz, bounds.wish_hz), max(rung.scale, bounds.least_scale), rung.is_thrifty and bounds.has_thrifty
    )
