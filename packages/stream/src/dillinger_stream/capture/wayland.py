"""Wayland capture, driven by damage, into sealed memory that the compositor writes.

By ext-image-copy-capture where the compositor has it, since it tells of the pointer apart from the picture, else by
wlr-screencopy. Either has one question open at any time, so nothing is asked while nothing changes, and a grab costs no
round trip. Owned by the pipeline's thread; only `abort` may come from another.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import Frame, PointerSeen
from dillinger_stream.wayland.connection import DEADLINE_S, WaylandConnection

from . import image_copy
from .base import CaptureError
from .cursor_session import SessionPointer
from .geometry import EMPTY_BOX, clip, even, union
from .geometry import whole as everything
from .image_copy import ImageCopy
from .pointer_image import draw_pointer
from .screencopy import Screencopy
from .wayland_pictures import Pictures


class Asker(Protocol):
    """How pictures are asked for."""

    def ask(self) -> None:
        """Sees that a question is open; raises `CaptureError`."""
        ...


class WaylandCapture:
    """The picture of a compositor's first output."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        """Over the socket that `connect` brings; blocks for 5 s at most, then raises `CaptureError`."""
        self._connection = WaylandConnection(connect())
        try:
            connection = self._connection
            shm = connection.bind("wl_shm")
            self._pictures = Pictures(shm)
            self._pointer: SessionPointer | None = None
            self._copy: ImageCopy | None = None
            self._asker: Asker
            if image_copy.is_offered(connection):
                self._asker = self._copy = ImageCopy(connection, self._pictures)
                self._pointer = SessionPointer(connection, shm, self._copy.manager, self._copy.source)
            else:
                self._asker = Screencopy(connection, self._pictures)
            connection.roundtrip()
        except BaseException:
            self._connection.close()
            raise
        self._is_pointer_drawn = True
        self._drawn = EMPTY_BOX
        """Where the pointer is in the last frame, where it was drawn here."""
        self._canvas: Any = None
        """The newest picture with the pointer in it: the compositor's own memory stays as it drew it."""
        self._is_pointer_new = False

    def fileno(self) -> int:
        """Readable when something may have changed."""
        return self._connection.fileno()

    def wait(self, timeout_s: float | None, wake_fd: int) -> bool:
        """Blocks until the screen is damaged (True), or `wake_fd` is readable, `pointer` new or the time up (False)."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._read()
            if self._pictures.is_new or self._is_pointer_new:
                self._is_pointer_new = False
                return self._pictures.is_new
            left_s = None if until is None else until - time.monotonic()
            if left_s is not None and left_s <= 0:
                return False
            due_s = self._pointer_s()
            is_due_first = due_s is not None and (left_s is None or due_s < left_s)
            is_quiet = not self._connection.wait(due_s if is_due_first else left_s, wake_fd)
            if is_quiet and (not is_due_first or self._pointer_s()):
                self._read()
                return self._pictures.is_new

    def _pointer_s(self) -> float | None:
        """Until there is something to do for the pointer."""
        due_at_ns = None if self._pointer is None else self._pointer.due_at_ns
        return None if due_at_ns is None else max(0.0, (due_at_ns - time.monotonic_ns()) / 1e9)

    @property
    def pointer(self) -> PointerSeen | None:
        """How the pointer looks and where it is; None where nobody tells, and it is always part of the picture."""
        return None if self._pointer is None else self._pointer.seen

    def draw_pointer(self, *, is_drawn: bool) -> None:
        """Whether the pointer is part of the picture from now on; it stays so where the compositor draws it itself."""
        if is_drawn != self._is_pointer_drawn:
            self._is_pointer_drawn = is_drawn
            if self._pointer is not None:
                self._hurt(self._pointer.box if is_drawn else self._drawn)

    def pointer_moved(self) -> bool:
        """Asks about the pointer; that it moved is told by `wait`."""
        if self._pointer is not None:
            self._pointer.stir()
        return False

    def grab(self, *, whole: bool = False) -> Frame:
        """The present picture; only the damaged box is given, or all of it where `whole` or where the size changed."""
        self._read()
        until = time.monotonic() + DEADLINE_S
        while self._pictures.newest is None:
            if time.monotonic() >= until:
                raise CaptureError(f"The compositor has given no picture for {DEADLINE_S:g} s")
            self._connection.wait(until - time.monotonic())
            self._read()
        buffer, damaged, captured_at_ns = self._pictures.take()
        width, height = buffer.shape.size
        is_whole = whole or damaged is None
        box = everything(width, height) if is_whole else even(clip(damaged or EMPTY_BOX, width, height))
        source = self._with_pointer(buffer.pixels, box, is_whole=is_whole)
        pixels = source[box.y : box.y + box.height, box.x : box.x + box.width]
        return Frame(pixels, width, height, box, captured_at_ns)

    def _with_pointer(self, source: Any, box: Box, *, is_whole: bool) -> Any:
        """A picture that has the pointer where it is to be drawn here; what is new of `source` is `box`."""
        seen = self.pointer
        if seen is None or not self._is_pointer_drawn:
            self._canvas, self._drawn = None, EMPTY_BOX
            return source
        if self._canvas is None or self._canvas.shape != source.shape:
            self._canvas = source.copy()
        else:
            place = np.s_[box.y : box.y + box.height, box.x : box.x + box.width]
            self._canvas[place] = source[place]
        shown = self._canvas[box.y : box.y + box.height, box.x : box.x + box.width]
        draw_pointer(shown, box, seen.image, seen.x, seen.y)
        self._drawn = seen.image.box_at(seen.x, seen.y)
        return self._canvas

    def abort(self) -> None:
        """Ends every wait with a `CaptureError`; from any thread."""
        self._connection.abort()

    def close(self) -> None:
        """Frees everything; idempotent."""
        self._connection.close()
        self._pictures.clear()
        self._canvas = None

    def _read(self) -> None:
        """Hears what the compositor said, and sees that a question is open."""
        was_new = self._pictures.is_new
        self._connection.read()
        self._asker.ask()
        if self._pointer is not None and self._copy is not None:
            if self._pictures.is_new and not was_new:
                self._pointer.stir()
            before = self._pointer.box
            if self._pointer.step():
                self._is_pointer_new = True
                if self._is_pointer_drawn:
                    self._hurt(union(before, self._pointer.box) or EMPTY_BOX)
            if self._pointer.is_refused:
                self._copy.paint_pointer()
        self._connection.flush()

    def _hurt(self, box: Box) -> None:
        """The picture changes there by the pointer alone."""
        if self._pictures.newest is not None:
            self._pictures.hurt(clip(box, *self._pictures.newest.shape.size))
