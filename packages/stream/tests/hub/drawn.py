"""Pictures that any of the seat's encoders makes, and what each is when it is decoded: shared by tests of payloads and
of WebRTC."""

from __future__ import annotations

import time
from typing import Any

import av
import numpy as np
from packages.stream.tests.engine.codec_parts import DECODERS

from dillinger_contracts.media import Box
from dillinger_contracts.session import VideoFormat
from dillinger_stream.encode.base import EncoderSettings
from dillinger_stream.encode.codecs import open_encoder
from dillinger_stream.frames import AccessUnit, Frame

WIDTH, HEIGHT = 320, 192


class Drawn:
    """One stream of noise in motion, really encoded; the format changes with `encode_as`."""

    def __init__(self, format_: VideoFormat, *, first_sequence: int = 0) -> None:
        self._noise = np.random.default_rng(3)
        self.sequence = first_sequence
        self.encode_as(format_)

    def encode_as(self, format_: VideoFormat) -> None:
        """From the next unit on, which is a keyframe."""
        self._encoder = open_encoder(EncoderSettings(WIDTH, HEIGHT, 8_000_000, 60.0, format_))
        self._decoder: Any = av.CodecContext.create(DECODERS.get(format_, "h264"), "r")
        self._decoder.thread_count = 1
        if format_.startswith("h264"):
            self._decoder.flags |= 1 << 19  # AV_CODEC_FLAG_LOW_DELAY

    def unit(self, *, is_keyframe: bool = False) -> AccessUnit:
        coarse = self._noise.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 4), dtype=np.uint8)
        pixels = np.ascontiguousarray(coarse.repeat(8, axis=0).repeat(8, axis=1))
        frame = Frame(pixels, WIDTH, HEIGHT, Box(0, 0, WIDTH, HEIGHT), time.monotonic_ns())
        made = self._encoder.encode(frame, keyframe=is_keyframe)
        unit = AccessUnit(
            data=made.data, sequence=self.sequence, captured_at_ns=frame.captured_at_ns, width_px=WIDTH,
            height_px=HEIGHT, box=made.box, is_keyframe=made.is_keyframe, codec=made.codec, format=made.format,
        )  # fmt: skip
        self.sequence += 1
        return unit

    def decoded(self, data: bytes) -> Any:
        """What `data`, the next unit, is a picture of."""
        (frame,) = self._decoder.decode(av.Packet(data))
        return frame.to_ndarray(format="yuv420p")


def found_in_order(got: list[Any], expected: list[Any]) -> int:
    """How many of the `expected` pictures were got, pixel for pixel, in their order."""
    at = count = 0
    for wanted in expected:
        place = next((place for place in range(at, len(got)) if np.array_equal(got[place], wanted)), None)
        if place is not None:
            at, count = place + 1, count + 1
    return count
