"""Whether to ask a display server for all the places that changed, where it told of the box around them.

A counter in one corner and something that moves in another make a box of half a picture, whose pixels would all be
copied, converted and looked at. Asking costs another round trip, so it is asked where the box is large, and seldom
where the last answer was that most of it had changed. Pure; belongs to one capture.
"""

from __future__ import annotations

from collections.abc import Sequence

from dillinger_contracts.media import Box

from .geometry import area_px, around, gathered

MOST_RECTANGLES = 32
"""An answer with more than these is taken as the box around them."""
_MOST_PARTS = 6
_SMALL_PX = 96 * 1024
"""A box up to this size is copied in less time than a question takes."""
_SLACK_PX = 8 * 1024
"""What may be copied needlessly instead of a question for one more part."""
_DENSE_SHARE = 0.6
_DENSE_ROUNDS = 30
"""Large boxes that are taken whole after one that was mostly new."""


class Parts:
    """What is known of how a desktop changes."""

    def __init__(self) -> None:
        self._rounds_left = 0

    def is_worth_asking(self, box: Box) -> bool:
        """Whether to ask what of `box` really changed."""
        if area_px(box) <= _SMALL_PX:
            return False
        if self._rounds_left:
            self._rounds_left -= 1
            return False
        return True

    def take(self, damage: Sequence[Box]) -> list[Box]:
        """The answer: what to copy so that it holds all of `damage`, less than the box around it or just that."""
        box, parts = around(damage), gathered(damage, slack_px=_SLACK_PX)
        if len(parts) <= _MOST_PARTS and sum(map(area_px, parts)) <= _DENSE_SHARE * area_px(box):
            return parts
        self._rounds_left = _DENSE_ROUNDS
        return [box]
