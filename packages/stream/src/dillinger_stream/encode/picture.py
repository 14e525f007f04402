"""The picture that the encoder reads: I420, converted in place from what the capture gives.

Only the changed box is converted. OpenCV's matrix is BT.601. Importing this costs about 20 MB. One thread.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from dillinger_contracts.media import Box

from .base import EncoderError
from .quantizer import Activity

_ROW_STEP = 8
"""One row in so many is looked at to tell how much a picture changes."""

cv2.setNumThreads(1)


class I420Picture:
    """One picture of even size, which lives as long as its encoder."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self._width_px, self._height_px = width_px, height_px
        self.data = np.empty((height_px * 3 // 2, width_px), dtype=np.uint8)
        self._scratch = np.empty(width_px * height_px * 3 // 2, dtype=np.uint8)
        luma_end, chroma_px = width_px * height_px, width_px * height_px // 4
        flat = self.data.reshape(-1)
        half = (height_px // 2, width_px // 2)
        self._luma = self.data[:height_px]
        self._blue = flat[luma_end : luma_end + chroma_px].reshape(half)
        self._red = flat[luma_end + chroma_px :].reshape(half)
        self._rows = self._luma[_ROW_STEP // 2 :: _ROW_STEP]
        self._seen = np.zeros_like(self._rows)
        self._is_whole = False

    def take(self, pixels: Any, box: Box) -> None:
        """Converts `pixels` (BGRX) into `box`, which may be empty; the first must be whole. Raises `EncoderError`."""
        if (box.width, box.height) == (self._width_px, self._height_px):
            cv2.cvtColor(pixels, cv2.COLOR_BGRA2YUV_I420, self.data)
            self._is_whole = True
        elif not self._is_whole:
            raise EncoderError("The first frame of a stream must be whole")
        elif box.width and box.height:
            self._take_box(pixels, box)

    def activity(self) -> Activity:
        """How much there is in the picture, and how much of that is new since the last call."""
        rows = self._rows
        change = cv2.norm(rows, self._seen, cv2.NORM_L1) / rows.size
        detail = cv2.norm(rows[:, 1:], rows[:, :-1], cv2.NORM_L1) / rows.size
        self._seen[:] = rows
        return Activity(change, detail)

    def _take_box(self, pixels: Any, box: Box) -> None:
        """Into a contiguous picture of the box's size, which is OpenCV's layout, then its three planes into place."""
        width, height = box.width, box.height
        luma_end, chroma_px = width * height, width * height // 4
        flat = self._scratch[: luma_end + 2 * chroma_px]
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2YUV_I420, flat.reshape(height * 3 // 2, width))
        x, y, half_x, half_y = box.x, box.y, box.x // 2, box.y // 2
        half = (height // 2, width // 2)
        self._luma[y : y + height, x : x + width] = flat[:luma_end].reshape(height, width)
        place = (slice(half_y, half_y + half[0]), slice(half_x, half_x + half[1]))
        self._blue[place] = flat[luma_end : luma_end + chroma_px].reshape(half)
        self._red[place] = flat[luma_end + chroma_px :].reshape(half)
