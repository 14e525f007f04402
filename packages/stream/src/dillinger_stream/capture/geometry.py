"""Rectangles of damage: pure, all in pixels of the desktop."""

from __future__ import annotations

from collections.abc import Iterable

from dillinger_contracts.media import Box

EMPTY_BOX = Box(0, 0, 0, 0)


def whole(width_px: int, height_px: int) -> Box:
    """All of a picture."""
    return Box(0, 0, width_px, height_px)


def is_empty(box: Box) -> bool:
    """Whether `box` covers no pixel."""
    return box.width <= 0 or box.height <= 0


def union(a: Box | None, b: Box | None) -> Box | None:
    """The smallest box around both; None and empty boxes count for nothing."""
    if a is None or is_empty(a):
        return None if b is None or is_empty(b) else b
    if b is None or is_empty(b):
        return a
    left, top = min(a.x, b.x), min(a.y, b.y)
    right, bottom = max(a.x + a.width, b.x + b.width), max(a.y + a.height, b.y + b.height)
    return Box(left, top, right - left, bottom - top)


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of these."""
    found: Box | None = None
    for box in boxes:
        found = union(found, box)
    return found or EMPTY_BOX


def area_px(box: Box) -> int:
    """How many pixels it covers."""
    return box.width * box.height


def gathered(boxes: Iterable[Box], *, slack_px: int) -> list[Box]:
    """Fewer boxes that cover all of these: two are one where that covers at most `slack_px` more than they do."""
    found: list[Box] = []
    for box in boxes:
        for place, other in enumerate(found):
            both = union(box, other) or box
            if area_px(both) - area_px(box) - area_px(other) <= slack_px:
                found[place] = both
                break
        else:
            found.append(box)
    return found


def clip(box: Box, width_px: int, height_px: int) -> Box:
    """What of `box` lies in the picture; empty where nothing does."""
    left, top = min(max(box.x, 0), width_px), min(max(box.y, 0), height_px)
    right, bottom = min(max(box.x + box.width, 0), width_px), min(max(box.y + box.height, 0), height_px)
    if right <= left or bottom <= top:
        return EMPTY_BOX
    return Box(left, top, right - left, bottom - top)


def even(box: Box) -> Box:
    """`box` grown to even edges, as 4:2:0 chroma needs; a picture of even size still holds it."""
    left, top = box.x & ~1, box.y & ~1
    right, bottom = (box.x + box.width + 1) & ~1, (box.y + box.height + 1) & ~1
    return Box(left, top, right - left, bottom - top)


def contains(outer: Box, inner: Box) -> bool:
    """Whether every pixel of `inner` is in `outer`; an empty box is in every box."""
    return is_empty(inner) or (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )
