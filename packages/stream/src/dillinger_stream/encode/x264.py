"""H.264 in software: libx264 at the quantizer that `quantizer.py` chooses for each picture, on the pipeline's thread.

The stream says that its colours were made by BT.601 (matrix bt470bg, primaries and transfer BT.709, limited range), and
browsers show the colours that the game drew. Blocks outside of the changed box are told to libx264, which leaves them
alone unless it may make them sharper. A change of the bitrate or of the rate needs no new start and no keyframe. The
numbers are in `docs/adr/0002-software-video-engine.md`.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.capture.geometry import around
from dillinger_stream.frames import AccessUnit, Frame

from .base import EncoderCaps, EncoderError, EncoderSettings, EncodeTiming
from .h264 import codec_string, level
from .libx264 import BLOCK_PX, UNCHANGED, Codec
from .picture import open_picture
from .proof import prove
from .quantizer import COARSEST, SHARPEST, QuantizerControl

_OPTIONS = {
    # A constant quantizer: no rate control of its own. What may be asked for lies between what key and B pictures would
    # get, and these factors (the largest there are: 20 steps either way) make that the control's range.
    "qp": str((SHARPEST + COARSEST) // 2),
    "ipratio": "10",
    "pbratio": "10",
    "threads": "1",
    "keyint": "infinite",
    "scenecut": "0",
    "repeat-headers": "1",
    "dct-decimate": "0",
    "colormatrix": "bt470bg",
    "colorprim": "bt709",
    "transfer": "bt709",
    "fullrange": "off",
    "log": "-1",
}


_PROFILES: dict[str, str] = {"h264": "baseline", "h264-high": "high", "h264-444": "high444"}
_PROFILE_OPTIONS: dict[str, dict[str, str]] = {"h264-high": {"cabac": "1", "8x8dct": "1"}}
"""Fewer bits for more work, which the preset ultrafast leaves out."""


class X264Encoder:
    """One stream of one size."""

    caps = EncoderCaps(name="libx264", codec="h264", is_hardware=False, is_verified=True)

    def __init__(self, settings: EncoderSettings) -> None:
        """`width_px` and `height_px` are even. Raises `EncoderError` when libx264 refuses."""
        self._settings = settings
        self._size = width, height = settings.coded_px
        self._picture = open_picture(settings, is_full_chroma=settings.format == "h264-444")
        self._changed: list[Box] = []
        """Of the encoded picture."""
        self._blocks = np.zeros((-(-height // BLOCK_PX), -(-width // BLOCK_PX)), dtype=np.uint8)
        self._control = QuantizerControl(
            bitrate_bps=settings.bitrate_bps, rate_hz=settings.rate_hz, pixels=width * height
        )
        self._sequence = 0
        self._codec_string = ""
        self.timing = EncodeTiming()
        options = _OPTIONS | {
            "fps": f"{round(settings.rate_hz * 1000)}/1000",
            "level": level(width, height, settings.rate_hz),
        }
        self._codec: Codec | None = Codec(
            width, height, self._picture.data, self._blocks, options | _PROFILE_OPTIONS.get(settings.format, {}),
            profile=_PROFILES[settings.format],
        )  # fmt: skip

    def self_test(self) -> None:
        """Encodes three frames on a codec of its own; raises `EncoderUnavailable` with a hint."""
        trial = X264Encoder(EncoderSettings(64, 64, 1_000_000, 60.0))
        prove(trial, 64, hint="Install PyAV's own wheel, which brings libx264", keyframe_hint="Use PyAV's own wheel")

    def encode(self, frame: Frame, *, keyframe: bool) -> AccessUnit:
        """One frame in, one unit out, at once; raises `EncoderError`."""
        codec = self._codec
        if codec is None:
            raise EncoderError("The encoder is closed")
        start_ns = time.perf_counter_ns()
        is_alone = keyframe or not self._sequence
        self._convert(frame)
        converted_ns = time.perf_counter_ns()
        quantizer = self._quantizer(frame, is_alone=is_alone)
        data, is_keyframe = codec.encode(quantizer, is_keyframe=is_alone)
        again = self._control.choose_again(len(data) * 8)
        if again is not None:
            data, is_keyframe = codec.encode(again, is_keyframe=is_alone)
        self._control.spent(len(data) * 8)
        unit = self._unit(frame, data, is_keyframe=is_keyframe)
        encode_ms = (time.perf_counter_ns() - converted_ns) / 1e6
        self.timing = EncodeTiming((converted_ns - start_ns) / 1e6, encode_ms, again or quantizer)
        return unit

    def reconfigure(self, *, bitrate_bps: int, rate_hz: float) -> None:
        """Takes effect on the next frame, without a keyframe."""
        self._settings = replace(self._settings, bitrate_bps=bitrate_bps, rate_hz=rate_hz)
        self._control.set_rate(bitrate_bps=bitrate_bps, rate_hz=rate_hz)

    def close(self) -> None:
        """Frees everything; idempotent."""
        if self._codec is not None:
            self._codec.close()
            self._codec = None

    def _convert(self, frame: Frame) -> None:
        settings = self._settings
        if (frame.width_px, frame.height_px) != (settings.width_px, settings.height_px):
            raise EncoderError(f"This encoder is for {settings.width_px}x{settings.height_px} pixels, not {frame}")
        self._changed = [self._picture.take(patch.pixels, patch.box) for patch in frame.patches]
        self._blocks.fill(UNCHANGED)
        for box in self._changed:
            bottom, right = -(-(box.y + box.height) // BLOCK_PX), -(-(box.x + box.width) // BLOCK_PX)
            self._blocks[box.y // BLOCK_PX : bottom, box.x // BLOCK_PX : right] = 0

    def _quantizer(self, frame: Frame, *, is_alone: bool) -> int:
        if is_alone or frame.box.width:
            activity = self._picture.activity(self._changed, is_alone=is_alone)
            return self._control.choose(frame.captured_at_ns, activity, is_alone=is_alone)
        return self._control.sharpen(frame.captured_at_ns)

    def _unit(self, frame: Frame, data: bytes, *, is_keyframe: bool) -> AccessUnit:
        width, height = self._size
        if is_keyframe:
            found = codec_string(data)
            if found is None:
                raise EncoderError("libx264 gave a keyframe without its parameter sets")
            self._codec_string = found
        is_everything = is_keyframe or not frame.box.width
        unit = AccessUnit(
            data=data,
            sequence=self._sequence,
            captured_at_ns=frame.captured_at_ns,
            width_px=width,
            height_px=height,
            desktop_px=(frame.width_px, frame.height_px),
            box=Box(0, 0, width, height) if is_everything else around(self._changed),
            is_keyframe=is_keyframe,
            codec=self._codec_string,
            format=self._settings.format,
        )
        self._sequence += 1
        return unit
