"""Encoders of GStreamer, for graphics cards: a child process (`gst.child`) gets pictures by descriptor and hands out
access units. What each card's pipeline looks like is in `vaapi.py` and `nvenc.py`.

The picture is shared memory that both sides have mapped: only what changed is copied into it, and the card makes its
own colours of it. The child takes the descriptor of a DMA-BUF as well, and the plans have a pipeline for it, but no
capture of ours hands one out yet. One thread.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import AccessUnit, Frame
from dillinger_stream.gst import child
from dillinger_stream.gst.process import GstProcess

from .base import EncoderCaps, EncoderError, EncoderSettings, EncoderUnavailable, EncodeTiming
from .h264 import codec_string
from .proof import prove


@dataclass(frozen=True, slots=True)
class GstPlan:
    """One encoder's pipeline; what it says was tried on hardware only where `caps.is_verified`."""

    caps: EncoderCaps
    elements: tuple[str, ...]
    """What GStreamer must have, the encoder first."""
    packages: str
    """Where these come from on Debian."""
    devices: tuple[str, ...]
    """Glob patterns under `/`, one of which must be there and writable; none for software."""
    pipeline: Callable[[EncoderSettings], str]
    """From `appsrc name=in` by `name=encoder` to `appsink name=out`; pure."""
    bitrate_property: str = "bitrate"
    """In kbit/s, and may be set while it runs."""


def source(settings: EncoderSettings, memory: str = "") -> str:
    """The beginning of every pipeline: BGRx from shared memory, or from `(memory:DMABuf)`."""
    size = f"width={settings.width_px},height={settings.height_px}"
    rate = f"framerate={round(settings.rate_hz * 1000)}/1000"
    return f"appsrc name=in is-live=true format=time block=false caps=video/x-raw{memory},format=BGRx,{size},{rate}"


SINK = (
    "video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au"
    " ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
    " ! appsink name=out sync=false max-buffers=4"
)


class GstEncoder:
    """One stream of one size, encoded by a child process."""

    def __init__(self, settings: EncoderSettings, plan: GstPlan) -> None:
        """Raises `EncoderUnavailable`."""
        self.caps, self.timing = plan.caps, EncodeTiming()
        self._plan, self._settings = plan, settings
        self._sequence = 0
        self._codec_string = ""
        self._start_ns: int | None = None
        frame_bytes = settings.width_px * settings.height_px * 4
        descriptor = os.memfd_create("dillinger-picture", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, frame_bytes)
            self._memory = mmap.mmap(descriptor, frame_bytes)
            shape = (settings.height_px, settings.width_px, 4)
            self._pixels: Any = np.frombuffer(self._memory, dtype=np.uint8).reshape(shape)
            order = {
                "pipeline": plan.pipeline(settings), "frame_bytes": frame_bytes,
                "bitrate_property": plan.bitrate_property, "is_dmabuf": False,
            }  # fmt: skip
            try:
                self._child = GstProcess(plan.caps.name, EncoderError)
                self._child.open(child.OPEN, order, (descriptor,))
            except EncoderError as error:
                hint = error.hint or f"apt-get install {plan.packages}"
                raise EncoderUnavailable(error.message, hint=hint) from error
        finally:
            os.close(descriptor)

    def self_test(self) -> None:
        """Encodes three frames in a child of its own; raises `EncoderUnavailable` with a hint."""
        small = replace(self._settings, width_px=256, height_px=256, bitrate_bps=1_000_000, scale=Fraction(1))
        hint = f"apt-get install {self._plan.packages}"
        prove(GstEncoder(small, self._plan), 256, hint=hint, keyframe_hint="Update its driver")

    def encode(self, frame: Frame, *, keyframe: bool) -> AccessUnit:
        """One frame in, one unit out; raises `EncoderError`."""
        settings, box = self._settings, frame.box
        if (frame.width_px, frame.height_px) != (settings.width_px, settings.height_px):
            raise EncoderError(f"This encoder is for {settings.width_px}x{settings.height_px} pixels, not {frame}")
        is_whole = (box.width, box.height) == (settings.width_px, settings.height_px)
        if not (self._sequence or is_whole):
            raise EncoderError("The first frame of a stream must be whole")
        start_ns = time.perf_counter_ns()
        for patch in frame.patches:
            at = patch.box
            if at.width and at.height:
                self._pixels[at.y : at.y + at.height, at.x : at.x + at.width] = patch.pixels
        copied_ns = time.perf_counter_ns()
        self._start_ns = frame.captured_at_ns if self._start_ns is None else self._start_ns
        at_ns = max(0, frame.captured_at_ns - self._start_ns)
        order = child.FRAME_FIELDS.pack(at_ns, keyframe or not self._sequence)
        self._child.send(child.FRAME, order)
        answer = self._child.expect(child.UNIT)
        if len(answer) < 2:
            raise EncoderError(f"{self.caps.name} gave an empty unit")
        encode_ms = (time.perf_counter_ns() - copied_ns) / 1e6
        self.timing = EncodeTiming((copied_ns - start_ns) / 1e6, encode_ms)
        return self._unit(frame, answer[1:], is_keyframe=bool(answer[0]))

    def reconfigure(self, *, bitrate_bps: int, rate_hz: float) -> None:
        """Takes effect on the next frame, without a keyframe."""
        # It goes on counting at the rate that it was opened with: told in its terms, a picture's share is right.
        kbps = round(bitrate_bps * self._settings.rate_hz / rate_hz / 1000)
        self._child.send(child.BITRATE, child.BITRATE_FIELDS.pack(max(1, kbps)))

    def close(self) -> None:
        """Ends the child; idempotent."""
        self._child.close()
        self._pixels = None
        with contextlib.suppress(BufferError):  # a view of the picture may still be somewhere; it goes with it
            self._memory.close()

    def _unit(self, frame: Frame, data: bytes, *, is_keyframe: bool) -> AccessUnit:
        if is_keyframe:
            found = codec_string(data)
            if found is None:
                raise EncoderError(f"{self.caps.name} gave a keyframe without its parameter sets")
            self._codec_string = found
        width, height = self._settings.coded_px
        self._sequence += 1
        # What a card redraws around a changed box is its own affair: all of the picture is shown anew.
        return AccessUnit(
            data=data, sequence=self._sequence - 1, captured_at_ns=frame.captured_at_ns,
            width_px=width, height_px=height, box=Box(0, 0, width, height), is_keyframe=is_keyframe,
            codec=self._codec_string, format=self._settings.format, desktop_px=(frame.width_px, frame.height_px),
        )  # fmt: skip
