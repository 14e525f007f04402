"""Encoders of GStreamer, for graphics cards: a child process (`gst_child.py`) gets pictures by descriptor and hands
out access units. What each card's pipeline looks like is in `vaapi.py` and `nvenc.py`.

The picture is shared memory that both sides have mapped: only what changed is copied into it, and the card makes its
own colours of it. The child takes the descriptor of a DMA-BUF as well, and the plans have a pipeline for it, but no
capture of ours hands one out yet. One thread.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import AccessUnit, Frame

from . import gst_child
from .base import EncoderCaps, EncoderError, EncoderSettings, EncoderUnavailable, EncodeTiming
from .h264 import codec_string

SYSTEM_PYTHON = Path("/usr/bin/python3")
_START_S, _ANSWER_S, _END_S = 15.0, 6.0, 2.0


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
            self._child, self._connection = _start_child()
            order = {
                "pipeline": plan.pipeline(settings), "frame_bytes": frame_bytes,
                "bitrate_property": plan.bitrate_property, "is_dmabuf": False,
            }  # fmt: skip
            try:
                self._connection.settimeout(_START_S)
                gst_child.send(self._connection, gst_child.OPEN, json.dumps(order).encode(), (descriptor,))
                self._expect(gst_child.READY)
                self._connection.settimeout(_ANSWER_S)
            except EncoderError as error:
                self.close()
                raise EncoderUnavailable(error.message, hint=f"apt-get install {plan.packages}") from error
        finally:
            os.close(descriptor)

    def self_test(self) -> None:
        """Encodes three frames in a child of its own; raises `EncoderUnavailable` with a hint."""
        small = replace(self._settings, width_px=256, height_px=256, bitrate_bps=1_000_000, scale=Fraction(1))
        trial = GstEncoder(small, self._plan)
        pixels = np.zeros((256, 256, 4), dtype=np.uint8)
        try:
            units = [
                trial.encode(Frame(pixels + n, 256, 256, Box(0, 0, 256, 256), n * 16_666_667), keyframe=n == 2)
                for n in (0, 1, 2)
            ]
        except EncoderError as error:
            raise EncoderUnavailable(error.message, hint=f"apt-get install {self._plan.packages}") from error
        finally:
            trial.close()
        if [unit.is_keyframe for unit in units] != [True, False, True]:
            raise EncoderUnavailable(f"{self.caps.name} ignores requests for keyframes", hint="Update its driver")

    def encode(self, frame: Frame, *, keyframe: bool) -> AccessUnit:
        """One frame in, one unit out; raises `EncoderError`."""
        settings, box = self._settings, frame.box
        if (frame.width_px, frame.height_px) != (settings.width_px, settings.height_px):
            raise EncoderError(f"This encoder is for {settings.width_px}x{settings.height_px} pixels, not {frame}")
        is_whole = (box.width, box.height) == (settings.width_px, settings.height_px)
        if not (self._sequence or is_whole):
            raise EncoderError("The first frame of a stream must be whole")
        start_ns = time.perf_counter_ns()
        if box.width and box.height:
            self._pixels[box.y : box.y + box.height, box.x : box.x + box.width] = frame.pixels
        copied_ns = time.perf_counter_ns()
        self._start_ns = frame.captured_at_ns if self._start_ns is None else self._start_ns
        at_ns = max(0, frame.captured_at_ns - self._start_ns)
        order = gst_child.FRAME_FIELDS.pack(at_ns, keyframe or not self._sequence)
        self._send(gst_child.FRAME, order)
        answer = self._expect(gst_child.UNIT)
        encode_ms = (time.perf_counter_ns() - copied_ns) / 1e6
        self.timing = EncodeTiming((copied_ns - start_ns) / 1e6, encode_ms)
        return self._unit(frame, answer[1:], is_keyframe=bool(answer[0]))

    def reconfigure(self, *, bitrate_bps: int, rate_hz: float) -> None:
        """Takes effect on the next frame, without a keyframe."""
        # It goes on counting at the rate that it was opened with: told in its terms, a picture's share is right.
        kbps = round(bitrate_bps * self._settings.rate_hz / rate_hz / 1000)
        self._send(gst_child.BITRATE, gst_child.BITRATE_FIELDS.pack(max(1, kbps)))

    def close(self) -> None:
        """Ends the child; idempotent."""
        self._connection.close()
        if self._child.poll() is None:
            try:
                self._child.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
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

    def _send(self, kind: int, payload: bytes) -> None:
        try:
            gst_child.send(self._connection, kind, payload)
        except OSError as error:
            raise EncoderError(f"{self.caps.name} is gone: {error}") from error

    def _expect(self, kind: int) -> bytes:
        name = self.caps.name
        try:
            found, payload, _ = gst_child.receive(self._connection)
        except TimeoutError as error:
            raise EncoderError(f"{name} does not answer") from error
        except (EOFError, OSError, ValueError) as error:
            raise EncoderError(f"{name} is gone: {error or 'its process ended'}") from error
        if found == gst_child.FAULT:
            raise EncoderError(f"{name} failed: {payload.decode(errors='replace')}")
        if found != kind or (kind == gst_child.UNIT and len(payload) < 2):
            raise EncoderError(f"{name} answers something else ({found})")
        return payload


def _start_child() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    command = (str(SYSTEM_PYTHON), "-I", gst_child.__file__, str(childs.fileno()))
    try:
        child = subprocess.Popen(
            command, pass_fds=(childs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        ours.close()
        raise EncoderUnavailable(
            f"{SYSTEM_PYTHON} can't be started: {error}", hint="apt-get install python3"
        ) from error
    finally:
        childs.close()
    return child, ours
