"""Several screens as one picture: each is captured by itself, and copied to where it lies. Gaps are black.

Owned by the pipeline's thread; only `abort` and `boxes` may be used from another.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import Frame, PointerSeen

from .arrangement import Screen, arrange, bounds
from .base import CaptureError, CaptureSource
from .geometry import EMPTY_BOX, is_empty, union
from .geometry import whole as everything

_LARGEST_PX = 16_384
_LARGEST_BYTES = 8192 * 8192 * 4
_LOOK_S = 1.0
"""Each is looked at so often: some notice only then that what they watch is gone."""


class SideBySide:
    """The picture of all of them."""

    def __init__(self, sources: Sequence[CaptureSource], screen: Callable[[int, int, int], Screen]) -> None:
        """`screen` says where the source of that number, with that width and height, lies on its owner's desk."""
        self._sources, self._screen_of = list(sources), screen
        self._sizes: list[tuple[int, int]] = []
        self._picture: Any = None
        self.boxes: list[Box] = []
        """Where each lies; empty before the first picture."""
        self._epoll = select.epoll()
        for source in self._sources:
            self._epoll.register(source.fileno(), select.EPOLLIN)

    @property
    def pointer(self) -> PointerSeen | None:
        """Nobody tells how it looks."""
        return None

    def fileno(self) -> int:
        """Readable when something may have changed."""
        return self._epoll.fileno()

    def wait(self, timeout_s: float | None, wake_fd: int) -> bool:
        """Blocks until one has a new picture (True), or `wake_fd` is readable or the time is up (False)."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._epoll.fileno(), select.POLLIN)
        if wake_fd >= 0:
            poll.register(wake_fd, select.POLLIN)
        while True:
            if self._has_news():
                return True
            left_s = _LOOK_S if until is None else min(until - time.monotonic(), _LOOK_S)
            if left_s <= 0:
                return False
            ready = {descriptor for descriptor, _ in poll.poll(left_s * 1000)}
            if wake_fd in ready:
                return self._has_news()

    def _has_news(self) -> bool:
        """Each is asked, though the first may have some: what they were told is read, and one that hangs is noticed."""
        news = [source.wait(0, -1) for source in self._sources]
        return any(news)

    def draw_pointer(self, *, is_drawn: bool) -> None:
        """It always is."""

    def pointer_moved(self) -> bool:
        """The desktop draws the pointer, and its picture is new then."""
        return False

    def grab(self, *, whole: bool = False) -> Frame:
        """The present picture; only the changed box is given, or all of it where `whole` or where the size changed."""
        frames = [source.grab(whole=whole) for source in self._sources]
        is_other = _sizes(frames) != self._sizes
        if is_other:
            frames = [source.grab(whole=True) for source in self._sources]
            self._sizes = _sizes(frames)
            self._lay_out(frames)
        damaged: Box | None = None
        for frame, at in zip(frames, self.boxes, strict=True):
            if not is_empty(frame.box):
                box = Box(at.x + frame.box.x, at.y + frame.box.y, frame.box.width, frame.box.height)
                self._picture[box.y : box.y + box.height, box.x : box.x + box.width] = frame.pixels
                damaged = union(damaged, box)
        height, width = self._picture.shape[:2]
        box = everything(width, height) if whole or is_other else damaged or EMPTY_BOX
        pixels = self._picture[box.y : box.y + box.height, box.x : box.x + box.width]
        return Frame(pixels, width, height, box, min(frame.captured_at_ns for frame in frames))

    def _lay_out(self, frames: Sequence[Frame]) -> None:
        screens = [self._screen_of(at, frame.width_px, frame.height_px) for at, frame in enumerate(frames)]
        boxes = arrange(screens)
        width, height = bounds(boxes)
        if max(width, height) > _LARGEST_PX or width * height * 4 > _LARGEST_BYTES:
            raise CaptureError(
                f"The screens together are {width}x{height} pixels, which can't be streamed",
                hint="Share fewer of them, or one",
            )
        self.boxes, self._picture = boxes, np.zeros((height, width, 4), np.uint8)

    def abort(self) -> None:
        """Ends every wait with a `CaptureError`; from any thread."""
        for source in self._sources:
            source.abort()

    def close(self) -> None:
        """Frees everything; idempotent."""
        for source in self._sources:
            source.close()
        self._epoll.close()


def _sizes(frames: Sequence[Frame]) -> list[tuple[int, int]]:
    return [(frame.width_px, frame.height_px) for frame in frames]
