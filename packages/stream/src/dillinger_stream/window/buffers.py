"""The pictures of a Wayland window: some buffers in turn, each brought up to date by what the others have shown since.

A compositor reads a buffer until it lets go of it, so what is painted meanwhile goes into another. Of the window's
thread.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.capture.geometry import around, clip, union, whole
from dillinger_stream.capture.sealed import sealed_memory
from dillinger_stream.frames import Frame
from dillinger_stream.wayland.connection import Proxy

from .hands import Placement

_XRGB8888 = 1
_MOST = 3


class _Buffer:
    """One picture of the window, black at first."""

    def __init__(self, shm: Proxy, width_px: int, height_px: int) -> None:
        size_bytes = width_px * height_px * 4
        descriptor, mapping = sealed_memory(size_bytes)
        try:
            pool = shm.make("create_pool", "wl_shm_pool", descriptor, size_bytes)
        finally:
            os.close(descriptor)
        self.proxy = pool.make("create_buffer", "wl_buffer", 0, width_px, height_px, width_px * 4, _XRGB8888)
        pool.destroy()
        self.proxy.on = self._on_event
        self.pixels: Any = np.ndarray((height_px, width_px, 4), np.uint8, mapping)
        self.is_free = True
        self.outdated: Box | None = whole(width_px, height_px)
        """What the newest one has and this has not."""

    def _on_event(self, event: str, arguments: list[Any]) -> None:
        self.is_free = True  # `release` is all that there is


class Buffers:
    """Those of one window."""

    def __init__(self, shm: Proxy) -> None:
        self._shm = shm
        self._size_px = (0, 0)
        self._all: list[_Buffer] = []
        self._newest: _Buffer | None = None

    def resize(self, size_px: tuple[int, int]) -> None:
        """The next picture has this size, and nothing of those before."""
        self._size_px = size_px
        for buffer in self._all:
            buffer.proxy.destroy()
        self._all.clear()
        self._newest = None

    @property
    def has_room(self) -> bool:
        """Whether a picture can be drawn now."""
        return all(self._size_px) and (len(self._all) < _MOST or any(one.is_free for one in self._all))

    def draw(self, frame: Frame, place: Placement) -> tuple[Proxy, Box]:
        """A buffer with all that was shown and `frame` at its place, and what of it differs from the one before; only
        where there is room."""
        buffer, before = self._take(), self._newest
        if before is not None and before is not buffer and (missing := buffer.outdated) is not None:
            buffer.pixels[_part(missing)] = before.pixels[_part(missing)]
        (left, top), parts = place.corner_px, []
        for patch in frame.patches:
            box = patch.box
            part = clip(Box(left + box.x, top + box.y, box.width, box.height), *self._size_px)
            x, y = part.x - left - box.x, part.y - top - box.y
            buffer.pixels[_part(part)] = patch.pixels[y : y + part.height, x : x + part.width]
            parts.append(part)
        shown = around(parts)
        for other in self._all:
            other.outdated = None if other is buffer else union(other.outdated, shown)
        self._newest, buffer.is_free = buffer, False
        return buffer.proxy, whole(*self._size_px) if before is None else shown

    def _take(self) -> _Buffer:
        found = next((one for one in self._all if one.is_free), None)
        if found is None:
            found = _Buffer(self._shm, *self._size_px)
            self._all.append(found)
        return found


def _part(box: Box) -> tuple[slice, slice]:
    return slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
