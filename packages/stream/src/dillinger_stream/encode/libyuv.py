"""libyuv, by ctypes: turns what a display server draws into what encoders read, straight into their planes.

From 32 bits a pixel, in the order blue, green, red, unused (libyuv calls it ARGB, by the number that they make), by
BT.601 in limited range: to I420, each chroma sample the mean of its four pixels, or to I444, a chroma sample a pixel.
And planes are made smaller. A call lets other threads run.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import c_int, c_void_p
from typing import Any

from .base import EncoderError, EncoderUnavailable

_LIBRARY = "libyuv.so.0"
_BOX_FILTER = 3
"""Each sample of the smaller plane is the mean of those that it stands for."""


def _function(name: str) -> Any:
    try:
        function = getattr(ctypes.CDLL(_LIBRARY), name)
    except (OSError, AttributeError) as error:
        raise EncoderUnavailable(f"{_LIBRARY} can't be used: {error}", hint="apt-get install libyuv0") from error
    return function


@functools.cache
def _convert(name: str) -> Any:
    function = _function(name)
    function.argtypes = (c_void_p, c_int) * 4 + (c_int, c_int)
    function.restype = c_int
    return function


@functools.cache
def _scale() -> Any:
    function = _function("ScalePlane")
    function.argtypes = ((c_void_p,) + (c_int,) * 3) * 2 + (c_int,)
    return function


def ensure_there() -> None:
    """Raises `EncoderUnavailable` where the library is not installed."""
    _convert("ARGBToI420")


def to_i420(pixels: Any, luma: Any, blue: Any, red: Any) -> None:
    """Fills the planes from `pixels`, both arrays of bytes whose rows may lie apart; raises `EncoderError`.

    `pixels` is (height, width, 4), `luma` (height, width), the others half of that in both directions.
    """
    height, width = luma.shape
    if height % 2 or width % 2:
        raise EncoderError(f"{width}x{height} pixels are no whole number of chroma samples")
    _to_planes("ARGBToI420", pixels, (luma, blue, red), (height // 2, width // 2))


def to_i444(pixels: Any, luma: Any, blue: Any, red: Any) -> None:
    """As `to_i420`, with planes that are all of the same size."""
    _to_planes("ARGBToI444", pixels, (luma, blue, red), luma.shape)


def _to_planes(name: str, pixels: Any, planes: tuple[Any, Any, Any], chroma: tuple[int, int]) -> None:
    luma, blue, red = planes
    height, width = luma.shape
    rows_lie = (pixels.strides[1:], luma.strides[1:], blue.strides[1:], red.strides[1:])
    if pixels.shape != (height, width, 4) or blue.shape != chroma or red.shape != chroma:
        raise EncoderError(f"{pixels.shape} pixels don't fit into a picture of {width}x{height}")
    if rows_lie != ((4, 1), (1,), (1,), (1,)):
        raise EncoderError("The pixels of a row have to lie side by side")
    places = [part for plane in (pixels, *planes) for part in (plane.ctypes.data, plane.strides[0])]
    if _convert(name)(*places, width, height):
        raise EncoderError(f"libyuv refused a picture of {width}x{height}")


def scale_plane(source: Any, target: Any) -> None:
    """Fills `target` with `source` made smaller; both are arrays of bytes whose rows may lie apart."""
    if source.strides[1] != 1 or target.strides[1] != 1:
        raise EncoderError("The samples of a row have to lie side by side")
    places = [
        part
        for plane in (source, target)
        for part in (plane.ctypes.data, plane.strides[0], plane.shape[1], plane.shape[0])
    ]
    _scale()(*places, _BOX_FILTER)
