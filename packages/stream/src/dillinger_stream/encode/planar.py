"""An encoder around libvpx or SVT-AV1 at the quantizer that `quantizer.py` chooses for each picture, as `x264.py` is
around libx264: SVT-AV1's own rate control made keyframes of 40 times a picture's share.

Leaves the libraries to `libvpx.py` and `libsvtav1.py`. One thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

from dillinger_contracts.media import Box
from dillinger_stream.capture.geometry import around
from dillinger_stream.frames import AccessUnit, Frame

from .base import EncoderCaps, EncoderError, EncoderSettings, EncodeTiming
from .picture import open_picture
from .proof import prove
from .quantizer import QuantizerControl


class Codec(Protocol):
    """One open codec over one I420 picture that stays where it is."""

    codec_string: str

    def encode(self, level: int, *, is_keyframe: bool) -> tuple[bytes, bool]:
        """The picture as it is now at a quantizer of 0 to 63, and whether it became a keyframe; raises
        `EncoderError`."""
        ...

    def close(self) -> None:
        """Frees everything; idempotent."""
        ...


OpenCodec = Callable[[EncoderSettings, Any], Codec]
"""Takes a contiguous I420 array, which the codec keeps alive."""


class PlanarEncoder:
    """One stream of one size."""

    def __init__(self, settings: EncoderSettings, *, caps: EncoderCaps, open_codec: OpenCodec) -> None:
        """Raises `EncoderUnavailable`."""
        self.caps = caps
        self.timing = EncodeTiming()
        self._settings = settings
        self._size = settings.coded_px
        self._open_codec = open_codec
        self._picture = open_picture(settings)
        width, height = self._size
        self._control = QuantizerControl(
            bitrate_bps=settings.bitrate_bps, rate_hz=settings.rate_hz, pixels=width * height
        )
        self._sequence = 0
        self._codec: Codec | None = open_codec(settings, self._picture.data)

    def self_test(self) -> None:
        """Encodes three frames on a codec of its own; raises `EncoderUnavailable` with a hint."""
        small = replace(self._settings, width_px=128, height_px=128, bitrate_bps=1_000_000, scale=Fraction(1))
        trial = PlanarEncoder(small, caps=self.caps, open_codec=self._open_codec)
        prove(trial, 128, hint="Install PyAV's own wheel, which brings it", keyframe_hint="Use PyAV's own wheel")

    def encode(self, frame: Frame, *, keyframe: bool) -> AccessUnit:
        """One frame in, one unit out, at once; raises `EncoderError`."""
        codec, settings = self._codec, self._settings
        if codec is None:
            raise EncoderError("The encoder is closed")
        if (frame.width_px, frame.height_px) != (settings.width_px, settings.height_px):
            raise EncoderError(f"This encoder is for {settings.width_px}x{settings.height_px} pixels, not {frame}")
        start_ns = time.perf_counter_ns()
        changed = [self._picture.take(patch.pixels, patch.box) for patch in frame.patches]
        converted_ns = time.perf_counter_ns()
        is_alone = keyframe or not self._sequence
        quantizer = self._quantizer(frame, changed, is_alone=is_alone)
        data, is_keyframe = codec.encode(level_of(quantizer), is_keyframe=is_alone)
        again = self._control.choose_again(len(data) * 8)
        if again is not None:
            data, is_keyframe = codec.encode(level_of(again), is_keyframe=is_alone)
        self._control.spent(len(data) * 8)
        encode_ms = (time.perf_counter_ns() - converted_ns) / 1e6
        self.timing = EncodeTiming((converted_ns - start_ns) / 1e6, encode_ms, again or quantizer)
        return self._unit(frame, around(changed), data, is_keyframe=is_keyframe)

    def reconfigure(self, *, bitrate_bps: int, rate_hz: float) -> None:
        """Takes effect on the next frame, without a keyframe."""
        self._settings = replace(self._settings, bitrate_bps=bitrate_bps, rate_hz=rate_hz)
        self._control.set_rate(bitrate_bps=bitrate_bps, rate_hz=rate_hz)

    def close(self) -> None:
        """Frees everything; idempotent."""
        if self._codec is not None:
            self._codec.close()
            self._codec = None

    def _quantizer(self, frame: Frame, changed: list[Box], *, is_alone: bool) -> int:
        if is_alone or frame.box.width:
            activity = self._picture.activity(changed, is_alone=is_alone)
            return self._control.choose(frame.captured_at_ns, activity, is_alone=is_alone)
        return self._control.sharpen(frame.captured_at_ns)

    def _unit(self, frame: Frame, box: Box, data: bytes, *, is_keyframe: bool) -> AccessUnit:
        assert self._codec is not None
        width, height = self._size
        # These codecs' filters work across blocks: what did not change may look a little different around the box.
        is_everything = is_keyframe or not frame.box.width
        unit = AccessUnit(
            data=data,
            sequence=self._sequence,
            captured_at_ns=frame.captured_at_ns,
            width_px=width,
            height_px=height,
            desktop_px=(frame.width_px, frame.height_px),
            box=Box(0, 0, width, height) if is_everything else _grown(box, width, height),
            is_keyframe=is_keyframe,
            codec=self._codec.codec_string,
            format=self._settings.format,
        )
        self._sequence += 1
        return unit


_H264_OF_LEVEL = ((0, 2), (4, 13), (8, 18), (16, 23), (24, 26), (32, 31), (40, 36), (48, 41), (56, 46), (63, 51))
"""libvpx's and SVT-AV1's 0 to 63, and H.264's quantizer with the same step between two values (for AC coefficients, of
VP9 and AV1: AV1 specification, section 7.12.2; VP8's end at about 41)."""


def level_of(quantizer: int) -> int:
    """H.264's quantizer as the 0 to 63 of libvpx and SVT-AV1."""
    (level, reached), *rest = _H264_OF_LEVEL
    for next_level, next_reached in rest:
        if quantizer <= next_reached:
            return max(0, round(level + (quantizer - reached) * (next_level - level) / (next_reached - reached)))
        level, reached = next_level, next_reached
    return level


_GROWN_PX = 64
"""The largest block of VP9 and AV1."""


def _grown(box: Box, width_px: int, height_px: int) -> Box:
    """All blocks that the box touches: a codec without a map of what stayed may redraw each of them."""
    left, top = box.x // _GROWN_PX * _GROWN_PX, box.y // _GROWN_PX * _GROWN_PX
    right = min(width_px, -(-(box.x + box.width) // _GROWN_PX) * _GROWN_PX)
    bottom = min(height_px, -(-(box.y + box.height) // _GROWN_PX) * _GROWN_PX)
    return Box(left, top, right - left, bottom - top)
