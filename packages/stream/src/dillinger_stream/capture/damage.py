"""What changed between two pictures, by comparing them in blocks: for captures that are not told. Pure.

What is looked at is what decides: bands of rows from above and from below until one differs, then every 16th row
between them, then only the columns beyond what those showed. So a picture that is all new costs next to nothing, and
one in which nothing changed is read once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dillinger_contracts.media import Box

_BAND_ROWS = 16


def changed_box(before: Any, after: Any) -> Box | None:
    """The box of pixels that differ, two arrays (height, width) of uint32 given; None where none do.

    Its rows are exact to 16, its columns to the pixel.
    """
    height, width = after.shape
    bands = range(0, height, _BAND_ROWS)
    top = next((y for y in bands if _differ(before, after, y)), None)
    if top is None:
        return None
    bottom = next(y for y in reversed(bands) if y == top or _differ(before, after, y))
    end = min(bottom + _BAND_ROWS, height)
    left, right = _columns(before[top:end:_BAND_ROWS], after[top:end:_BAND_ROWS], width)
    if left > 0:
        left = min(left, _columns(before[top:end, :left], after[top:end, :left], width)[0])
    if right < width:
        right = max(right, right + _columns(before[top:end, right:], after[top:end, right:], width - right)[1])
    return Box(left, top, right - left, end - top)


def _differ(before: Any, after: Any, top: int) -> bool:
    end = top + _BAND_ROWS
    return not np.array_equal(before[top:end], after[top:end])


def _columns(before: Any, after: Any, width: int) -> tuple[int, int]:
    """Where the first column that differs begins and the last one ends; (`width`, 0) where none does."""
    found = np.flatnonzero((before != after).any(axis=0))
    return (int(found[0]), int(found[-1]) + 1) if found.size else (width, 0)
