"""Which quantizer each picture gets, so that a stream keeps to its bitrate: rate control in front of an encoder that
has none.

libx264's own rate control looks at a half-size copy of every picture first, which costs a fifth of all encoding. This
one looks at what the conversion leaves behind anyway: how much a few rows differ from the last picture's and from
themselves. Pure; the clock is an argument.

A leaky bucket says what may be spent: it is filled by each picture's bits and emptied at the bitrate. A model says what
a quantizer will cost: bits = complexity x activity x 2^(-slope x quantizer), with a complexity that is learned from the
last pictures, one for pictures that build on the last one and one for those that stand alone. No picture is expected
to cost more than one that stands alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SHARPEST = 18
"""Sharper than this nobody sees, but it would cost the whole bitrate and more CPU on a quiet picture."""
COARSEST = SHARPEST + 40
"""So much can libx264 be asked for at once (`x264.py`). H.264 ends at 51; beyond, libx264 drops what is small."""
BUFFER_FRAMES = 4.0
"""What a picture that stands alone may fill, in shares of the bitrate that one picture has."""
_CREDIT_FRAMES = 2.0
"""How many shares that quiet pictures left over may be spent later."""
_SLOWEST_FRAMES = 2.5
"""A game that draws more slowly than it may gets this many shares for a picture at most: a link takes that much longer
to carry them."""
_PACE = 0.1
"""How much a gap between two pictures counts for what is expected of the next."""
_RECOVERY_FRAMES = 10.0
"""Over how many pictures a debt is paid back."""
_INTER_SLOPE, _INTRA_SLOPE = 0.45, 0.2
"""Octaves of bits for a step of the quantizer. The true one lies between 0.07 (noise) and 0.5 (a smooth pan); with a
steeper model than the truth each picture comes nearer, with a flatter one it swings."""
_NEAR = 4.0
"""Steps of the quantizer over which the steep model is believed."""
_MIDDLE = 26
_LEARNING = 0.4
_INTRA_BITS = 0.2
"""Bits for a pixel that differs from its neighbour by one, at the middle quantizer: noise 0.14, a desktop 0.12, a
shooter 0.33; learned anew from each picture that stands alone."""
_STILL = 0.02
"""Activity of a picture in which nothing seems to move: small changes fall between the rows that are looked at."""
_INTER_SHARE = 0.3
"""What a picture costs that builds on another, in parts of one that stands alone, until that is known better."""
_STEP_DOWN = 3
"""So much sharper than the last picture a moving one is at most: what the last one left out has to be made up for."""
_SHARPENING = 6
"""So much sharper at most a resting picture is encoded once more."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Of a picture's luma, mean absolute differences in steps of 8 bit, for a pixel."""

    change: float
    """Against the picture before."""
    detail: float
    """Against the neighbour to the left."""


class QuantizerControl:
    """For pictures of one size; `choose` and `spent` take turns."""

    def __init__(self, *, bitrate_bps: int, rate_hz: float, pixels: int) -> None:
        self._backlog = 0.0
        self._at_ns: int | None = None
        self._intra = _INTRA_BITS * pixels
        self._inter: float | None = None
        """None until a picture was built on another."""
        self._chosen = _MIDDLE
        self._wanted = 0.0
        self._last_bits = 0
        self._is_alone = True
        self._activity: Activity | None = None
        self.set_rate(bitrate_bps=bitrate_bps, rate_hz=rate_hz)

    def set_rate(self, *, bitrate_bps: int, rate_hz: float) -> None:
        """From the next picture on."""
        self._bitrate_bps = bitrate_bps
        self._interval_s = 1 / rate_hz
        self._share = bitrate_bps / rate_hz
        self._gap_s = self._interval_s
        self._backlog = min(max(self._backlog, -_CREDIT_FRAMES * self._share), BUFFER_FRAMES * self._share)

    def choose(self, now_ns: int, activity: Activity, *, is_alone: bool) -> int:
        """The quantizer of a picture that is taken now; `is_alone` for a keyframe."""
        since_s = self._drain(now_ns)
        gap_s = min(max(since_s, self._interval_s), _SLOWEST_FRAMES * self._interval_s)
        self._gap_s += _PACE * (gap_s - self._gap_s)
        self._activity, self._is_alone = activity, is_alone
        intra = self._intra * (activity.detail + _STILL)
        if is_alone:
            room = (BUFFER_FRAMES - 1) * self._share - max(self._backlog, 0.0)
            self._wanted = max(self._share, room)
            return self._keep(_quantizer(self._wanted, _INTRA_SLOPE, intra))
        even = self._bitrate_bps * self._gap_s
        self._wanted = min(max(even - self._backlog / _RECOVERY_FRAMES, self._share * 0.1), even * 2)
        if self._inter is None:
            self._inter = _INTER_SHARE * intra / (activity.change + _STILL)
        inter = self._inter * (activity.change + _STILL)
        enough = min(_quantizer(self._wanted, _INTRA_SLOPE, intra), self._from_last(inter))
        return self._keep(max(enough, self._chosen - _STEP_DOWN))

    def choose_again(self, bits: int) -> int | None:
        """A coarser quantizer for a keyframe that took `bits`, where that is far too much; it may be made once more,
        since nothing builds on it yet."""
        if not self._is_alone or bits <= 2 * BUFFER_FRAMES * self._share or self._chosen == COARSEST:
            return None
        return self._keep(self._chosen + math.log2(bits / self._wanted) / _INTRA_SLOPE)

    def sharpen(self, now_ns: int) -> int:
        """The quantizer with which a picture that rests is encoded once more."""
        self._drain(now_ns)
        self._is_alone, self._activity = False, None
        room = max(self._share, BUFFER_FRAMES * self._share - self._backlog)
        step = math.log2(room / self._last_bits) / _INTRA_SLOPE if self._last_bits else _SHARPENING
        return self._keep(self._chosen - min(max(step, 1.0), _SHARPENING))

    def spent(self, bits: int) -> None:
        """What the picture cost whose quantizer was chosen last."""
        self._last_bits = bits
        self._backlog += bits
        if self._activity is None:
            return  # what sharpening costs says nothing about motion
        above = self._chosen - _MIDDLE
        if self._is_alone:
            self._intra = bits / (self._activity.detail + _STILL) * 2 ** (_INTRA_SLOPE * above)
        elif self._inter is not None:
            seen = bits / (self._activity.change + _STILL) * 2 ** (_INTER_SLOPE * above)
            self._inter = self._inter ** (1 - _LEARNING) * seen**_LEARNING
            alone = self._intra * (self._activity.detail + _STILL) * 2 ** (-_INTRA_SLOPE * above)
            # One that stands alone would cost more than was believed, too.
            self._intra *= max(1.0, bits / alone) ** _LEARNING

    def _from_last(self, middle_bits: float) -> float:
        """The quantizer with which a picture that builds on the last one costs what it may. Far from the last quantizer
        the steep model promises too much: there the flat one goes on."""
        step = _quantizer(self._wanted, _INTER_SLOPE, middle_bits) - self._chosen
        far = max(step - _NEAR, 0.0)
        return self._chosen + step + far * (_INTER_SLOPE / _INTRA_SLOPE - 1)

    def _drain(self, now_ns: int) -> float:
        """Returns how long it was since the last picture."""
        since_s = self._interval_s if self._at_ns is None else (now_ns - self._at_ns) / 1e9
        self._at_ns = now_ns
        left = self._backlog - self._bitrate_bps * max(since_s, self._interval_s)
        self._backlog = max(left, -_CREDIT_FRAMES * self._share)
        return since_s

    def _keep(self, quantizer: float) -> int:
        self._chosen = min(max(round(quantizer), SHARPEST), COARSEST)
        return self._chosen


def _quantizer(bits: float, slope: float, middle_bits: float) -> float:
    """With which `bits` are to be expected where the middle quantizer takes `middle_bits`."""
    return _MIDDLE + math.log2(max(middle_bits, 1.0) / bits) / slope
