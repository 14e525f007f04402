"""Wayland capture by wlr-screencopy, driven by damage, into sealed memory that the compositor writes.

One question is always open: the compositor answers it with a picture and what changed since the one before, as soon as
anything does. So nothing is asked while nothing changes, and a grab costs no round trip. There are three buffers: the
picture that is being encoded, the newest one, and the one that the open question is about. The pointer is part of the
picture, since none of wlroots 0.15 to 0.18 tells how it looks. Owned by the pipeline's thread; only `abort` may come
from another.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import Frame, PointerSeen
from dillinger_stream.wayland.connection import DEADLINE_S, Proxy, WaylandConnection

from .base import CaptureError
from .geometry import EMPTY_BOX, clip, even, is_empty, union
from .geometry import whole as everything
from .sealed import sealed_memory

_SMALLEST_PX = 16
_LARGEST_PX = 16_384
_LARGEST_BYTES = 8192 * 8192 * 4
_BGRX = frozenset({0, 1})
"""wl_shm's argb8888 and xrgb8888: in memory blue, green, red and one that is not looked at."""
_UPSIDE_DOWN = 1
_CURRENT = 1
_BUFFERS = 3
_MOST_FAILURES = 3
"""In a row: a question fails when the desktop changes its size under it."""
_HINT = "Use a compositor made with wlroots, such as sway"


@dataclass(frozen=True, slots=True)
class _Shape:
    """Of a picture, as the compositor wants it."""

    form: int
    width_px: int
    height_px: int
    stride_bytes: int

    def __post_init__(self) -> None:
        is_sane = (
            self.form in _BGRX
            and _SMALLEST_PX <= self.width_px <= _LARGEST_PX
            and _SMALLEST_PX <= self.height_px <= _LARGEST_PX
            and self.width_px * 4 <= self.stride_bytes <= _LARGEST_PX * 4
            and self.stride_bytes % 4 == 0
            and self.stride_bytes * self.height_px <= _LARGEST_BYTES
        )
        if not is_sane:
            raise CaptureError(
                f"The compositor offers a picture that can't be streamed: {self.width_px}x{self.height_px} pixels in "
                f"rows of {self.stride_bytes} bytes, format {self.form:#x}"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Even, as video has it."""
        return self.width_px & ~1, self.height_px & ~1


class _Buffer:
    """One picture's memory, and what the compositor calls it."""

    def __init__(self, shm: Proxy, shape: _Shape) -> None:
        self.shape = shape
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


@dataclass(slots=True)
class _Question:
    """What the compositor is asked for."""

    proxy: Proxy
    is_whole: bool
    """Whether it is to answer at once, and not only when something has changed."""
    buffer: _Buffer | None = None
    damage: Box | None = None


class WaylandCapture:
    """The picture of a compositor's first output."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        """Over the socket that `connect` brings; blocks for 5 s at most, then raises `CaptureError`."""
        self._connection = WaylandConnection(connect())
        try:
            connection = self._connection
            self._shm = connection.bind("wl_shm")
            self._manager = connection.bind("zwlr_screencopy_manager_v1", version=2, hint=_HINT)
            self._output_size: tuple[int, int] | None = None
            self._output = connection.bind("wl_output", on=self._on_output)
            connection.roundtrip()
        except BaseException:
            self._connection.close()
            raise
        self._buffers: list[_Buffer] = []
        self._question: _Question | None = None
        self._newest: _Buffer | None = None
        self._borrowed: _Buffer | None = None
        self._damaged: Box | None = None
        self._damaged_at_ns = 0
        self._is_new = False
        self._failures = 0

    def fileno(self) -> int:
        """Readable when something may have changed."""
        return self._connection.fileno()

    def wait(self, timeout_s: float | None, wake_fd: int) -> bool:
        """Blocks until the screen is damaged (True), or `wake_fd` is readable or the time is up (False)."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._read()
            if self._is_new:
                return True
            left_s = None if until is None else until - time.monotonic()
            if left_s is not None and left_s <= 0:
                return False
            if not self._connection.wait(left_s, wake_fd):
                self._read()
                return self._is_new

    @property
    def pointer(self) -> PointerSeen | None:
        """Nobody tells how it looks."""
        return None

    def draw_pointer(self, *, is_drawn: bool) -> None:
        """It always is."""

    def pointer_moved(self) -> bool:
        """The compositor draws the pointer, and counts it as damage by itself."""
        return False

    def grab(self, *, whole: bool = False) -> Frame:
        """The present picture; only the damaged box is given, or all of it where `whole` or where the size changed."""
        self._read()
        until = time.monotonic() + DEADLINE_S
        while self._newest is None:
            if time.monotonic() >= until:
                raise CaptureError(f"The compositor has given no picture for {DEADLINE_S:g} s")
            self._connection.wait(until - time.monotonic())
            self._read()
        buffer, before = self._newest, self._borrowed
        width, height = buffer.shape.size
        is_whole = whole or before is None or before.shape.size != (width, height)
        box = everything(width, height) if is_whole else even(clip(self._damaged or EMPTY_BOX, width, height))
        captured_at_ns = self._damaged_at_ns or time.monotonic_ns()
        self._borrowed = buffer
        self._damaged, self._damaged_at_ns, self._is_new = None, 0, False
        pixels = buffer.pixels[box.y : box.y + box.height, box.x : box.x + box.width]
        return Frame(pixels, width, height, box, captured_at_ns)

    def abort(self) -> None:
        """Ends every wait with a `CaptureError`; from any thread."""
        self._connection.abort()

    def close(self) -> None:
        """Frees everything; idempotent."""
        self._connection.close()
        self._buffers.clear()
        self._newest = self._borrowed = self._question = None

    def _read(self) -> None:
        """Hears what the compositor said, and sees that a question is open."""
        self._connection.read()
        if self._question is None:
            self._ask(is_whole=self._newest is None)
        self._connection.flush()

    def _ask(self, *, is_whole: bool) -> None:
        proxy = self._manager.make("capture_output", "zwlr_screencopy_frame_v1", 1, self._output, on=self._on_frame)
        self._question = _Question(proxy, is_whole)

    def _on_output(self, event: str, arguments: list[Any]) -> None:
        if event == "mode" and arguments[0] & _CURRENT:
            self._output_size = (arguments[1], arguments[2])

    def _on_frame(self, event: str, arguments: list[Any]) -> None:
        question = self._question
        if question is None:
            return
        match event:
            case "buffer":
                if question.buffer is None:
                    self._lend(question, _Shape(*arguments))
            case "flags":
                if arguments[0] & _UPSIDE_DOWN:
                    raise CaptureError("The compositor's picture is upside down", hint=_HINT)
            case "damage":
                if question.buffer is not None:
                    hurt = clip(Box(*arguments), *question.buffer.shape.size)
                    question.damage = union(question.damage, hurt)
            case "ready":
                self._take(question)
            case "failed":
                self._failures += 1
                if self._failures > _MOST_FAILURES:
                    raise CaptureError("The compositor refuses to give its picture")
                self._end(question)
                self._ask(is_whole=True)

    def _lend(self, question: _Question, shape: _Shape) -> None:
        """Says where the picture is to go."""
        for other in [buffer for buffer in self._buffers if buffer.shape != shape]:
            self._buffers.remove(other)
            other.proxy.destroy()
        used = (self._newest, self._borrowed)
        free = next((buffer for buffer in self._buffers if buffer not in used), None)
        if free is None:
            assert len(self._buffers) < _BUFFERS
            free = _Buffer(self._shm, shape)
            self._buffers.append(free)
        question.buffer = free
        is_resized = self._newest is None or self._newest.shape != shape
        question.is_whole = question.is_whole or is_resized
        question.proxy.call("copy" if question.is_whole else "copy_with_damage", free.proxy)

    def _take(self, question: _Question) -> None:
        """The picture is there."""
        self._end(question)
        buffer = question.buffer
        if buffer is None:
            raise CaptureError("The compositor gave a picture that has no place")
        if self._output_size not in (None, (buffer.shape.width_px, buffer.shape.height_px)):
            self._ask(is_whole=True)  # the desktop has another size by now, and this is a part of it
            return
        self._failures = 0
        hurt = everything(*buffer.shape.size) if question.is_whole else question.damage
        if hurt is not None and not is_empty(hurt):
            self._newest = buffer
            self._damaged = union(self._damaged, hurt)
            self._damaged_at_ns = self._damaged_at_ns or time.monotonic_ns()
            self._is_new = True
        self._ask(is_whole=False)

    def _end(self, question: _Question) -> None:
        question.proxy.destroy()
        self._question = None
