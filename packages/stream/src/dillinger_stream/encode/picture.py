"""The picture that the encoder reads: I420, converted in place from what the capture gives.

Only the changed box is converted, into its place. The matrix is BT.601. One thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dillinger_contracts.media import Box

from . import libyuv
from .base import EncoderError
from .quantizer import Activity

_ROW_STEP = 16
"""One row in so many is looked at to tell how much a picture changes."""
_NEW = 2.0
"""So many times more change than in the picture before: what was known of its detail no longer counts."""


class I420Picture:
    """One picture of even size, which lives as long as its encoder."""

    def __init__(self, width_px: int, height_px: int) -> None:
        """Raises `EncoderUnavailable` where nothing can convert it."""
        libyuv.ensure_there()
        self._width_px, self._height_px = width_px, height_px
        self.data = np.empty((height_px * 3 // 2, width_px), dtype=np.uint8)
        luma_end, chroma_px = width_px * height_px, width_px * height_px // 4
        flat = self.data.reshape(-1)
        half = (height_px // 2, width_px // 2)
        self._luma = self.data[:height_px]
        self._blue = flat[luma_end : luma_end + chroma_px].reshape(half)
        self._red = flat[luma_end + chroma_px :].reshape(half)
        self._rows = self._luma[_ROW_STEP // 2 :: _ROW_STEP]
        self._seen = np.zeros_like(self._rows)
        self._more, self._less = np.empty_like(self._rows), np.empty_like(self._rows)
        self._activity = Activity(0.0, 0.0)
        self._is_whole = False

    def take(self, pixels: Any, box: Box) -> None:
        """Converts `pixels` (BGRX) into `box`, which may be empty; the first must be whole. Raises `EncoderError`."""
        is_everything = (box.width, box.height) == (self._width_px, self._height_px)
        if not (is_everything or self._is_whole):
            raise EncoderError("The first frame of a stream must be whole")
        if box.width and box.height:
            self._take_box(pixels, box)
        self._is_whole = True

    def activity(self, *, is_alone: bool) -> Activity:
        """How much there is in the picture, and how much of that is new since the last call.

        The detail is looked at anew for a picture that stands alone, and where much has changed.
        """
        rows, before = self._rows, self._activity
        change = self._distance(rows, self._seen) / rows.size
        detail = before.detail
        if is_alone or change > _NEW * before.change:
            detail = self._distance(rows[:, 1:], rows[:, :-1]) / rows.size
        self._seen[:] = rows
        self._activity = Activity(change, detail)
        return self._activity

    def _distance(self, one: Any, other: Any) -> int:
        """The sum of all differences, without a plane of wider numbers."""
        more, less = self._more[:, : one.shape[1]], self._less[:, : one.shape[1]]
        np.maximum(one, other, out=more)
        np.minimum(one, other, out=less)
        np.subtract(more, less, out=more)
        return int(more.sum(dtype=np.uint32))

    def _take_box(self, pixels: Any, box: Box) -> None:
        x, y, width, height = box.x, box.y, box.width, box.height
        half = (slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2))
        libyuv.to_i420(pixels, self._luma[y : y + height, x : x + width], self._blue[half], self._red[half])
