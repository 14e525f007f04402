"""The picture that the encoder reads: I420 or I444, converted in place from what the capture gives, and made smaller
where that is asked for.

Only the changed box is converted, into its place. The matrix is BT.601. One thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from dillinger_contracts.media import Box

from . import libyuv
from .base import EncoderError, EncoderSettings
from .quantizer import Activity

_ROW_STEP = 16
"""One row in so many is looked at to tell how much a picture changes."""
_NEW = 2.0
"""So many times more change than in the picture before: what was known of its detail no longer counts."""


class YuvPicture:
    """One picture of even size, which lives as long as its encoder."""

    def __init__(self, width_px: int, height_px: int, *, is_full_chroma: bool = False) -> None:
        """Raises `EncoderUnavailable` where nothing can convert it."""
        libyuv.ensure_there()
        self._width_px, self._height_px = width_px, height_px
        self._step = 1 if is_full_chroma else 2
        """Pixels for a chroma sample, each way."""
        chroma = (height_px // self._step, width_px // self._step)
        luma_end, chroma_px = width_px * height_px, chroma[0] * chroma[1]
        self.data = np.empty(((luma_end + 2 * chroma_px) // width_px, width_px), dtype=np.uint8)
        flat = self.data.reshape(-1)
        self._luma = self.data[:height_px]
        self._blue = flat[luma_end : luma_end + chroma_px].reshape(chroma)
        self._red = flat[luma_end + chroma_px :].reshape(chroma)
        self._rows = self._luma[_ROW_STEP // 2 :: _ROW_STEP]
        self._seen = np.zeros_like(self._rows)
        self._more, self._less = (np.empty(self._rows.size, dtype=np.uint8) for _ in range(2))
        self._activity = Activity(0.0, 0.0)
        self._is_whole = False

    def take(self, pixels: Any, box: Box) -> Box:
        """Converts `pixels` (BGRX) into `box`, which may be empty; the first must be whole. Raises `EncoderError`.

        Returns what has changed.
        """
        is_everything = (box.width, box.height) == (self._width_px, self._height_px)
        if not (is_everything or self._is_whole):
            raise EncoderError("The first frame of a stream must be whole")
        if box.width and box.height:
            self._take_box(pixels, box)
        self._is_whole = True
        return box

    def planes(self, box: Box) -> tuple[Any, Any, Any]:
        """Luma, blue and red of `box`, as views."""
        x, y, right, bottom, step = box.x, box.y, box.x + box.width, box.y + box.height, self._step
        part = (slice(y // step, bottom // step), slice(x // step, right // step))
        return self._luma[y:bottom, x:right], self._blue[part], self._red[part]

    def activity(self, changed: Iterable[Box], *, is_alone: bool) -> Activity:
        """How much there is in the picture, and how much of that is new since the last call, when nothing has changed
        but in these boxes.

        The detail is looked at anew for a picture that stands alone, and where much has changed.
        """
        rows, before, distance = self._rows, self._activity, 0
        for box in changed:
            first, end = (-(-max(0, edge - _ROW_STEP // 2) // _ROW_STEP) for edge in (box.y, box.y + box.height))
            part = (slice(first, end), slice(box.x, box.x + box.width))
            distance += self._distance(rows[part], self._seen[part])
            self._seen[part] = rows[part]
        change, detail = distance / rows.size, before.detail
        if is_alone or change > _NEW * before.change:
            detail = self._distance(rows[:, 1:], rows[:, :-1]) / rows.size
        self._activity = Activity(change, detail)
        return self._activity

    def _distance(self, one: Any, other: Any) -> int:
        """The sum of all differences, without a plane of wider numbers."""
        more, less = (room[: one.size].reshape(one.shape) for room in (self._more, self._less))
        np.maximum(one, other, out=more)
        np.minimum(one, other, out=less)
        np.subtract(more, less, out=more)
        return int(np.add.reduce(more, axis=None, dtype=np.uint32))

    def _take_box(self, pixels: Any, box: Box) -> None:
        (libyuv.to_i444 if self._step == 1 else libyuv.to_i420)(pixels, *self.planes(box))


class SmallerPicture(YuvPicture):
    """A picture of one that is larger."""

    def __init__(self, settings: EncoderSettings, *, is_full_chroma: bool = False) -> None:
        super().__init__(*settings.coded_px, is_full_chroma=is_full_chroma)
        self._scale = settings.scale
        self._whole = Box(0, 0, settings.width_px, settings.height_px)
        self._source = YuvPicture(settings.width_px, settings.height_px, is_full_chroma=is_full_chroma)

    def take(self, pixels: Any, box: Box) -> Box:
        """`box` is of the larger picture; what is returned is of this one."""
        self._source.take(pixels, box)
        self._is_whole = True
        if not (box.width and box.height):
            return box
        source, target = scaled_box(box, self._whole, self._scale)
        for larger, smaller in zip(self._source.planes(source), self.planes(target), strict=True):
            libyuv.scale_plane(larger, smaller)
        return target


def scaled_box(box: Box, whole: Box, scale: Fraction) -> tuple[Box, Box]:
    """What of the larger picture is to be made smaller for `box` to show, and where that lies in the smaller one. Pure.

    The box grows to a grid on which both have whole chroma samples, so that no seam shows between what was made smaller
    at different times. A picture that does not lie on that grid is made smaller as a whole.
    """
    grid, small = 2 * scale.denominator, 2 * scale.numerator
    if whole.width % grid or whole.height % grid:
        return whole, Box(0, 0, int(whole.width * scale) & ~1, int(whole.height * scale) & ~1)
    left, top = box.x // grid, box.y // grid
    right, bottom = -(-(box.x + box.width) // grid), -(-(box.y + box.height) // grid)
    columns, rows = right - left, bottom - top
    return (
        Box(left * grid, top * grid, columns * grid, rows * grid),
        Box(left * small, top * small, columns * small, rows * small),
    )


def open_picture(settings: EncoderSettings, *, is_full_chroma: bool = False) -> YuvPicture:
    """For an encoder with `settings`; raises `EncoderUnavailable`."""
    if settings.scale == 1:
        return YuvPicture(settings.width_px, settings.height_px, is_full_chroma=is_full_chroma)
    return SmallerPicture(settings, is_full_chroma=is_full_chroma)
