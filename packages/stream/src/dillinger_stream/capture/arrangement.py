"""Where several screens lie in one picture: as on their owner's desk, at their own pixels. Pure.

Desktops say where a screen lies in coordinates of their own, in which one that is scaled is smaller than its pixels.
The finest of them tells what such a coordinate is worth, so that none overlaps another; between coarser ones gaps stay.
Where places are not told, or screens lie on each other, they stand side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dillinger_contracts.media import Box

from .geometry import clip, is_empty


@dataclass(frozen=True, slots=True)
class Screen:
    """One of them."""

    width_px: int
    height_px: int
    """Even, as video has them."""
    place: tuple[int, int] | None = None
    """Its upper left corner in the desktop's coordinates."""
    extent: tuple[int, int] | None = None
    """Width and height in them; None: they are its pixels."""

    @property
    def scale(self) -> float:
        """Pixels to a coordinate."""
        return self.width_px / self.extent[0] if self.extent else 1.0


def arrange(screens: Sequence[Screen]) -> list[Box]:
    """Where each lies in the picture, which begins at (0, 0); at even places."""
    places = [screen.place for screen in screens if screen.place is not None]
    if len(places) == len(screens):
        worth = max(screen.scale for screen in screens)
        left, top = min(x for x, _ in places), min(y for _, y in places)
        boxes = [
            Box(_even((x - left) * worth), _even((y - top) * worth), screen.width_px, screen.height_px)
            for screen, (x, y) in zip(screens, places, strict=True)
        ]
        if not _overlap(boxes):
            return boxes
    boxes, right = [], 0
    for screen in screens:
        boxes.append(Box(right, 0, screen.width_px, screen.height_px))
        right += screen.width_px
    return boxes


def bounds(boxes: Sequence[Box]) -> tuple[int, int]:
    """Width and height of the picture."""
    return max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)


def nearest(boxes: Sequence[Box], x: float, y: float) -> tuple[int, float, float]:
    """The screen at a place of the picture, or next to it, and the place in that screen's own pixels."""
    inside = [(min(max(x, box.x), box.x + box.width - 1), min(max(y, box.y), box.y + box.height - 1)) for box in boxes]
    index = min(range(len(boxes)), key=lambda at: math.hypot(inside[at][0] - x, inside[at][1] - y))
    return index, inside[index][0] - boxes[index].x, inside[index][1] - boxes[index].y


def _even(place: float) -> int:
    """Upwards, so that neighbours of even size stay apart."""
    return math.ceil(place / 2 - 1e-6) * 2


def _overlap(boxes: Sequence[Box]) -> bool:
    return any(
        not is_empty(clip(Box(one.x - other.x, one.y - other.y, one.width, one.height), other.width, other.height))
        for at, one in enumerate(boxes)
        for other in boxes[at + 1 :]
    )
