"""Pictures of the hub's tests: an encoder that stands for a pipeline, a decoder, and what a media message says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from packages.stream.tests.hub.drawn import Drawn

from dillinger_contracts.media import PICTURE_HEADER_BYTES, Box
from dillinger_contracts.session import Preference, VideoFormat
from dillinger_stream.formats import CodecWish
from dillinger_stream.frames import AccessUnit
from dillinger_stream.telemetry import PipelineStats

FIGURES = PipelineStats(
    capture_fps=60.0, bitrate_bps=1e6, codec_reason="H.264: the quickest here", formats=("h264", "vp9", "av1"),
    encode_ms_p50=1.0, stages={"capture": [0.5], "encode": [1.0, 1.0, 3.0]},
)  # fmt: skip


class X264Source:
    """A pipeline in small: pictures with a moving bar and a number, really encoded; it runs when `run` is awaited."""

    def __init__(self, *, width_px: int = 320, height_px: int = 180, noise: bool = False) -> None:
        self.width_px, self.height_px = width_px, height_px
        self.is_paused = True
        self.keyframes_wanted = 0
        self.quality: tuple[int | None, float | None] = (None, None)
        self.codec = CodecWish()
        self.format: VideoFormat = "h264"
        """What its units say that they are."""
        self.hold_until_ns = 0
        self.draws_pointer = True
        self._drawn: Drawn | None = None
        self._wants_keyframe = True
        self._sequence = 0
        self._noise = np.random.default_rng(1) if noise else None
        self._codec: Any = None
        """Opened with the first picture: most that is said to a hub comes before one."""

    def request_keyframe(self) -> None:
        self.keyframes_wanted += 1
        self._wants_keyframe = True

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def reconfigure(
        self,
        *,
        bitrate_bps: int | None = None,
        rate_hz: float | None = None,
        preference: Preference | None = None,
        codec: CodecWish | None = None,
        hold_until_ns: int | None = None,
        draws_pointer: bool | None = None,
    ) -> None:
        if draws_pointer is not None:
            self.draws_pointer = draws_pointer
        elif hold_until_ns is None:
            self.quality = (bitrate_bps, rate_hz)
            self.codec = codec or self.codec
        else:
            self.hold_until_ns = hold_until_ns

    def stats(self) -> PipelineStats:
        return FIGURES

    def resize(self, width_px: int, height_px: int) -> None:
        self.width_px, self.height_px = width_px, height_px
        self._codec = None
        self._wants_keyframe = True

    def encode_as(self, format_: VideoFormat) -> None:
        """From now on its units are of that format, by the seat's own encoder."""
        self._drawn = Drawn(format_, first_sequence=self._sequence if self._drawn is None else self._drawn.sequence)

    def unit(self) -> AccessUnit:
        """The next picture, encoded."""
        if self._drawn is not None:
            is_keyframe, self._wants_keyframe = self._wants_keyframe, False
            return self._drawn.unit(is_keyframe=is_keyframe)
        captured_at_ns = time.monotonic_ns()
        self._codec = self._codec or self._open()
        frame = av.VideoFrame.from_ndarray(self._draw(), format="yuv420p")
        frame.pts, frame.time_base = self._sequence, Fraction(1, 60)
        is_keyframe, self._wants_keyframe = self._wants_keyframe, False
        frame.pict_type = av.video.frame.PictureType.I if is_keyframe else av.video.frame.PictureType.NONE
        data = b"".join(bytes(packet) for packet in self._codec.encode(frame))
        unit = AccessUnit(
            data=data, sequence=self._sequence, captured_at_ns=captured_at_ns, width_px=self.width_px,
            height_px=self.height_px, box=Box(0, 0, self.width_px, self.height_px), is_keyframe=is_keyframe,
            codec="avc1.42c01f", format=self.format,
        )  # fmt: skip
        self._sequence += 1
        return unit

    async def run(self, publish: Callable[[AccessUnit], None], *, rate_hz: float = 60.0) -> None:
        """Publishes at `rate_hz` for ever, while not paused."""
        while True:
            if not self.is_paused:
                publish(self.unit())
            await asyncio.sleep(1 / rate_hz)

    def _draw(self) -> Any:
        picture = np.full((self.height_px * 3 // 2, self.width_px), 128, np.uint8)
        if self._noise is not None:
            picture[: self.height_px] = self._noise.integers(0, 255, (self.height_px, self.width_px), np.uint8)
        bar = self._sequence * 8 % (self.width_px - 16)
        picture[: self.height_px // 2, bar : bar + 16] = 20 + self._sequence * 7 % 200
        return picture

    def _open(self) -> Any:
        codec: Any = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = self.width_px, self.height_px, "yuv420p"
        codec.framerate, codec.time_base = Fraction(60), Fraction(1, 60)
        codec.thread_count = 1
        codec.options = {
            "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1",
            "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1",
        }  # fmt: skip
        return codec


class Decoder:
    """H.264 to grey pictures."""

    def __init__(self) -> None:
        self._codec: Any = av.CodecContext.create("h264", "r")
        self._codec.thread_count = 1
        self._codec.flags |= 1 << 19  # AV_CODEC_FLAG_LOW_DELAY

    def decode(self, data: bytes) -> list[Any]:
        return [frame.to_ndarray(format="yuv420p") for frame in self._codec.decode(av.Packet(data))]


@dataclass(frozen=True)
class Picture:
    """A picture message, taken apart."""

    sequence: int
    captured_at_us: int
    is_keyframe: bool
    width_px: int
    height_px: int
    data: bytes


def picture_of(message: bytes) -> Picture | None:
    """The picture in a media message, None for sound."""
    if message[0] != 1:
        return None
    number = int.from_bytes
    return Picture(
        number(message[4:8], "little"), number(message[8:16], "little"), bool(message[1] & 1),
        number(message[16:18], "little"), number(message[18:20], "little"), message[PICTURE_HEADER_BYTES:],
    )  # fmt: skip
