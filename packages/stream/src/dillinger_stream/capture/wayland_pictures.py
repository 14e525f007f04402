"""A compositor's pictures in memory that is ours: what it may draw into next, and what has changed since the last grab.

There are three buffers: the picture that is being encoded, the newest one, and the one that the open question is about.
Whoever asks the compositor (`screencopy`, `image_copy`) borrows a buffer here and brings it back drawn.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.wayland.connection import Proxy

from .base import CaptureError
from .geometry import EMPTY_BOX, is_empty, union
from .geometry import whole as everything
from .sealed import sealed_memory

ARGB, XRGB = 0, 1
"""wl_shm's argb8888 and xrgb8888: in memory blue, green, red, and alpha or one that is not looked at."""
_SMALLEST_PX = 16
_LARGEST_PX = 16_384
_LARGEST_BYTES = 8192 * 8192 * 4
_BUFFERS = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """Of what a compositor draws, as it wants it."""

    form: int
    width_px: int
    height_px: int
    stride_bytes: int

    @property
    def size(self) -> tuple[int, int]:
        """Even, as video has it."""
        return self.width_px & ~1, self.height_px & ~1

    @property
    def whole(self) -> Box:
        """All of it, also what is cut off for video."""
        return everything(self.width_px, self.height_px)


def picture_shape(form: int, width_px: int, height_px: int, stride_bytes: int) -> Shape:
    """That of a picture which can be streamed; raises `CaptureError` for any other. Pure."""
    is_sane = (
        form in (ARGB, XRGB)
        and _SMALLEST_PX <= width_px <= _LARGEST_PX
        and _SMALLEST_PX <= height_px <= _LARGEST_PX
        and width_px * 4 <= stride_bytes <= _LARGEST_PX * 4
        and stride_bytes % 4 == 0
        and stride_bytes * height_px <= _LARGEST_BYTES
    )
    if not is_sane:
        raise CaptureError(
            f"The compositor offers a picture that can't be streamed: {width_px}x{height_px} pixels in "
            f"rows of {stride_bytes} bytes, format {form:#x}"
        )
    return Shape(form, width_px, height_px, stride_bytes)


class Buffer:
    """One picture's memory, and what the compositor calls it."""

    def __init__(self, shm: Proxy, shape: Shape) -> None:
        self.shape = shape
        self.stale: Box | None = shape.whole
        """Where it differs from the newest picture; None where nowhere."""
        size_bytes = shape.stride_bytes * shape.height_px
        descriptor, mapping = sealed_memory(size_bytes)
        try:
            pool = shm.make("create_pool", "wl_shm_pool", descriptor, size_bytes)
        finally:
            os.close(descriptor)
        self.proxy = pool.make(
            "create_buffer", "wl_buffer", 0, shape.width_px, shape.height_px, shape.stride_bytes, shape.form
        )
        pool.destroy()
        form = (shape.height_px, shape.width_px, 4)
        # The view keeps the mapping alive, for as long as somebody reads it.
        self.pixels: Any = np.ndarray(form, np.uint8, mapping, strides=(shape.stride_bytes, 4, 1))


class Pictures:
    """Of one capture."""

    def __init__(self, shm: Proxy) -> None:
        self._shm = shm
        self._buffers: list[Buffer] = []
        self._borrowed: Buffer | None = None
        """The picture of the last grab."""
        self.newest: Buffer | None = None
        self.is_new = False
        """Whether there is something to grab."""
        self._damaged: Box | None = None
        self._damaged_at_ns = 0

    def lend(self, shape: Shape) -> Buffer:
        """Where the compositor may draw."""
        for other in [buffer for buffer in self._buffers if buffer.shape != shape]:
            self._buffers.remove(other)
            other.proxy.destroy()
        used = (self.newest, self._borrowed)
        free = next((buffer for buffer in self._buffers if buffer not in used), None)
        if free is None:
            assert len(self._buffers) < _BUFFERS
            free = Buffer(self._shm, shape)
            self._buffers.append(free)
        return free

    def arrived(self, buffer: Buffer, changed: Box | None) -> None:
        """The compositor has drawn into `buffer`; `changed` is what differs from the picture before."""
        buffer.stale = None
        if changed is None or is_empty(changed):
            return
        for other in self._buffers:
            if other is not buffer:
                other.stale = union(other.stale, changed)
        self.newest = buffer
        self.hurt(changed)

    def hurt(self, box: Box) -> None:
        """What is to be grabbed again."""
        if not is_empty(box):
            self._damaged = union(self._damaged, box)
            self._damaged_at_ns = self._damaged_at_ns or time.monotonic_ns()
            self.is_new = True

    def take(self) -> tuple[Buffer, Box | None, int]:
        """The newest picture, which there has to be; what of it is new (None: it has another size); since when."""
        buffer, before = self.newest, self._borrowed
        assert buffer is not None
        is_other = before is None or before.shape.size != buffer.shape.size
        damaged, at_ns = None if is_other else self._damaged or EMPTY_BOX, self._damaged_at_ns or time.monotonic_ns()
        self._borrowed = buffer
        self._damaged, self._damaged_at_ns, self.is_new = None, 0, False
        return buffer, damaged, at_ns

    def clear(self) -> None:
        """Forgets all of them; who reads one still may."""
        self._buffers.clear()
        self.newest = self._borrowed = None
