"""H.264 in software: libx264 through PyAV, colours converted by OpenCV, on the pipeline's thread.

Only the changed box is converted, into one I420 picture that lives as long as the encoder and that libx264 reads in
place. OpenCV's matrix is BT.601, so the stream says so (matrix smpte170m, primaries and transfer BT.709, limited
range), and browsers show the colours that the game drew.

Rate control is CBR with a VBV of a few frames: pictures stay near one frame's share of the bitrate, only a keyframe
or a cut may take the whole buffer. libx264 follows `bit_rate` while it runs if it was opened with a higher one,
with `maxrate` and `bufsize` given as FFmpeg's options (inside `x264-params` they would be fixed), hence
`_HEADROOM`. The numbers are in `docs/adr/0002-software-video-engine.md`. Importing this module costs about 50 MB
and 0.3 s: do it when it is needed.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from dillinger_contracts.media import Box
from dillinger_stream.frames import AccessUnit, Frame

from .base import EncoderCaps, EncoderError, EncoderSettings, EncoderUnavailable, EncodeTiming
from .h264 import codec_string

_HEADROOM = 2.0
"""How far the bitrate may rise over the first one without a new start of the codec."""
_DEPTH = 4.0
"""How far it may fall: the buffer keeps its first size, and a keyframe that fills it takes ever longer to send."""
_BUFFER_FRAMES = 4
_LOWEST_QUANTIZER = 20
"""Sharper than this nobody sees, but it would cost the whole bitrate and more CPU on a quiet picture."""

cv2.setNumThreads(1)


class X264Encoder:
    """One stream of one size."""

    caps = EncoderCaps(name="libx264", codec="h264", is_hardware=False, is_verified=True)

    def __init__(self, settings: EncoderSettings) -> None:
        """`width_px` and `height_px` are even. Raises `EncoderError` when libx264 refuses."""
        self._settings = settings
        width, height = settings.width_px, settings.height_px
        self._i420 = np.empty((height * 3 // 2, width), dtype=np.uint8)
        self._scratch = np.empty(width * height * 3 // 2, dtype=np.uint8)
        luma_end, chroma_px = width * height, width * height // 4
        flat = self._i420.reshape(-1)
        self._luma = self._i420[:height]
        self._blue = flat[luma_end : luma_end + chroma_px].reshape(height // 2, width // 2)
        self._red = flat[luma_end + chroma_px :].reshape(height // 2, width // 2)
        self._picture = av.VideoFrame.from_numpy_buffer(self._i420, format="yuv420p")
        self._picture.color_range = ColorRange.MPEG
        self._sequence = 0
        self._pts = 0
        self._is_whole = False
        self._codec_string = ""
        self.timing = EncodeTiming()
        self._codec: VideoCodecContext | None = None
        self._opened_bps = 0
        self._open()

    def _open(self) -> None:
        settings = self._settings
        self._opened_bps = settings.bitrate_bps
        ceiling_bps = round(settings.bitrate_bps * _HEADROOM)
        buffer_bits = round(settings.bitrate_bps * _BUFFER_FRAMES / settings.rate_hz)
        rate = Fraction(settings.rate_hz).limit_denominator(1000)
        try:
            codec = av.CodecContext.create("libx264", "w")
            assert isinstance(codec, VideoCodecContext)
            codec.width, codec.height, codec.pix_fmt = settings.width_px, settings.height_px, "yuv420p"
            codec.framerate, codec.time_base = rate, 1 / rate
            codec.bit_rate = ceiling_bps
            codec.thread_count = 1
            codec.max_b_frames = 0
            codec.color_range = ColorRange.MPEG
            codec.colorspace = Colorspace.SMPTE170M
            codec.color_primaries = ColorPrimaries.BT709
            codec.color_trc = ColorTrc.BT709
            codec.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "profile": "baseline",
                "maxrate": str(ceiling_bps),
                "bufsize": str(buffer_bits),
                "qmin": str(_LOWEST_QUANTIZER),
                "forced-idr": "1",
                "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:dct-decimate=0",
            }
            codec.open()
            codec.bit_rate = settings.bitrate_bps
        except (av.FFmpegError, ValueError) as error:
            raise EncoderUnavailable(
                f"libx264 can't be opened for {settings}: {error}",
                hint="Install PyAV's own wheel, which brings libx264",
            ) from error
        self._codec = codec

    def self_test(self) -> None:
        """Encodes three frames on a codec of its own; raises `EncoderUnavailable` with a hint."""
        trial = X264Encoder(EncoderSettings(64, 64, 1_000_000, 60.0))
        pixels = np.zeros((64, 64, 4), dtype=np.uint8)
        try:
            units = [
                trial.encode(Frame(pixels + value, 64, 64, Box(0, 0, 64, 64), 0), keyframe=value == 2)
                for value in (0, 1, 2)
            ]
        except EncoderError as error:
            raise EncoderUnavailable(str(error), hint="Install PyAV's own wheel, which brings libx264") from error
        finally:
            trial.close()
        if [unit.is_keyframe for unit in units] != [True, False, True]:
            raise EncoderUnavailable("libx264 ignores requests for keyframes", hint="Use PyAV's own wheel")

    def encode(self, frame: Frame, *, keyframe: bool) -> AccessUnit:
        """One frame in, one unit out, at once; raises `EncoderError`."""
        codec = self._codec
        if codec is None:
            raise EncoderError("The encoder is closed")
        start_ns = time.perf_counter_ns()
        try:
            self._convert(frame)
            converted_ns = time.perf_counter_ns()
            self._picture.pts = self._pts
            self._picture.pict_type = PictureType.I if keyframe else PictureType.NONE
            packets = codec.encode(self._picture)
        except (av.FFmpegError, cv2.error) as error:
            raise EncoderError(f"libx264 failed: {error}") from error
        if len(packets) != 1:
            raise EncoderError(f"libx264 gave {len(packets)} units for one frame")
        unit = self._unit(frame, bytes(packets[0]), is_keyframe=packets[0].is_keyframe)
        encode_ms = (time.perf_counter_ns() - converted_ns) / 1e6
        self.timing = EncodeTiming((converted_ns - start_ns) / 1e6, encode_ms)
        return unit

    def reconfigure(self, *, bitrate_bps: int, rate_hz: float) -> None:
        """Follows while running from a quarter to twice the first bitrate; beyond, the codec starts anew."""
        before = self._settings
        self._settings = EncoderSettings(before.width_px, before.height_px, bitrate_bps, rate_hz)
        if self._codec is None:
            return
        is_near = self._opened_bps / _DEPTH <= bitrate_bps <= self._opened_bps * _HEADROOM
        if is_near and rate_hz == before.rate_hz:
            self._codec.bit_rate = bitrate_bps
        else:
            self._pts = 0
            self._open()

    def close(self) -> None:
        """Frees everything; idempotent."""
        self._codec = None

    def _unit(self, frame: Frame, data: bytes, *, is_keyframe: bool) -> AccessUnit:
        settings = self._settings
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
            width_px=settings.width_px,
            height_px=settings.height_px,
            box=Box(0, 0, settings.width_px, settings.height_px) if is_everything else frame.box,
            is_keyframe=is_keyframe,
            codec=self._codec_string,
        )
        self._sequence += 1
        self._pts += 1
        return unit

    def _convert(self, frame: Frame) -> None:
        settings, box = self._settings, frame.box
        if (frame.width_px, frame.height_px) != (settings.width_px, settings.height_px):
            raise EncoderError(f"This encoder is for {settings.width_px}x{settings.height_px} pixels, not {frame}")
        if (box.width, box.height) == (settings.width_px, settings.height_px):
            cv2.cvtColor(frame.pixels, cv2.COLOR_BGRA2YUV_I420, self._i420)
            self._is_whole = True
        elif not self._is_whole:
            raise EncoderError("The first frame of a stream must be whole")
        elif box.width and box.height:
            self._convert_box(frame.pixels, box)

    def _convert_box(self, pixels: Any, box: Box) -> None:
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
