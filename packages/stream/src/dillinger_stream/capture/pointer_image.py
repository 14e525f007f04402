"""How a pointer looks, out of what a display server says, and drawing it into a picture. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import NO_POINTER, PointerImage

from .base import CaptureError
from .geometry import clip, is_empty

MOST_POINTER_PX = 512
"""No sane pointer is larger; what a hostile server says beyond it is refused."""


def pointer_image(width_px: int, height_px: int, hot_x: int, hot_y: int, argb: bytes) -> PointerImage:
    """The image that a server described; raises `CaptureError` when that is no sane pointer."""
    if not (0 <= width_px <= MOST_POINTER_PX and 0 <= height_px <= MOST_POINTER_PX):
        raise CaptureError(f"The display server claims a pointer of {width_px}x{height_px} pixels")
    if len(argb) != width_px * height_px * 4:
        raise CaptureError(f"The display server sent {len(argb)} bytes for a pointer of {width_px}x{height_px} pixels")
    pixels = np.frombuffer(argb, dtype=np.uint8).reshape(height_px, width_px, 4)
    rows, columns = (np.flatnonzero(pixels[:, :, 3].any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return NO_POINTER
    # Most of an image is empty margin, which would be grabbed and encoded whenever the pointer moves.
    top, left = int(rows[0]), int(columns[0])
    shown = pixels[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    alpha = shown[:, :, 3:4]
    solid = alpha == 255 if ((alpha == 0) | (alpha == 255)).all() else None
    hot_x, hot_y = max(-MOST_POINTER_PX, min(hot_x, width_px)), max(-MOST_POINTER_PX, min(hot_y, height_px))
    return PointerImage(shown, hot_x - left, hot_y - top, solid)


def draw_pointer(pixels: Any, box: Box, image: PointerImage, x: int, y: int) -> None:
    """Draws `image` at the desktop's (x, y) into `pixels`, which show `box` of the desktop."""
    place = image.box_at(x - box.x, y - box.y)
    shown = clip(place, box.width, box.height)
    if is_empty(shown):
        return
    left, top = shown.x - place.x, shown.y - place.y
    rows, columns = slice(top, top + shown.height), slice(left, left + shown.width)
    source = image.pixels[rows, columns]
    target = pixels[shown.y : shown.y + shown.height, shown.x : shown.x + shown.width]
    if image.solid is not None:
        np.copyto(target, source, where=image.solid[rows, columns])
        return
    through = 255 - source[:, :, 3:4].astype(np.uint16)
    target[:] = np.minimum(source + (target * through + 127) // 255, 255).astype(np.uint8)
