"""libyuv, by ctypes: turns what a display server draws into what encoders read, straight into their planes.

One function of it is used: from 32 bits a pixel, in the order blue, green, red, unused (libyuv calls it ARGB, by the
number that they make), to I420 by BT.601 in limited range, each chroma sample the mean of its four pixels. A call lets
other threads run.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import c_int, c_void_p
from typing import Any

from .base import EncoderError, EncoderUnavailable

_LIBRARY = "libyuv.so.0"


@functools.cache
def _convert() -> Any:
    try:
        function = ctypes.CDLL(_LIBRARY).ARGBToI420
    except (OSError, AttributeError) as error:
        raise EncoderUnavailable(f"{_LIBRARY} can't be used: {error}", hint="apt-get install libyuv0") from error
    function.argtypes = (c_void_p, c_int) * 4 + (c_int, c_int)
    function.restype = c_int
    return function


def ensure_there() -> None:
    """Raises `EncoderUnavailable` where the library is not installed."""
    _convert()


def to_i420(pixels: Any, luma: Any, blue: Any, red: Any) -> None:
    """Fills the planes from `pixels`, both arrays of bytes whose rows may lie apart; raises `EncoderError`.

    `pixels` is (height, width, 4), `luma` (height, width), the others half of that in both directions.
    """
    height, width = luma.shape
    half = (height // 2, width // 2)
    rows_lie = (pixels.strides[1:], luma.strides[1:], blue.strides[1:], red.strides[1:])
    if pixels.shape != (height, width, 4) or blue.shape != half or red.shape != half or height % 2 or width % 2:
        raise EncoderError(f"{pixels.shape} pixels don't fit into a picture of {width}x{height}")
    if rows_lie != ((4, 1), (1,), (1,), (1,)):
        raise EncoderError("The pixels of a row have to lie side by side")
    planes = [part for plane in (pixels, luma, blue, red) for part in (plane.ctypes.data, plane.strides[0])]
    if _convert()(*planes, width, height):
        raise EncoderError(f"libyuv refused a picture of {width}x{height}")
