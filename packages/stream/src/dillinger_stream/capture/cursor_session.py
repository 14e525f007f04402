"""The pointer of a Wayland desktop apart from its picture, by ext-image-copy-capture's cursor session.

Place, hot spot and image come as events and as small pictures. By the protocol a compositor says so when one changes;
wlroots says it only when it draws next, and drawing may be had by asking for the image anew. So it is asked whenever
something may have happened to the pointer, and a few times more soon after, and never while nothing happens. It is
told 60 times a second at most. Until a compositor has told how the pointer looks, nothing is known of it: one without
a screen has no pointer apart, and draws it into the picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import NO_POINTER, PointerImage, PointerSeen
from dillinger_stream.wayland.connection import Proxy, WaylandConnection

from .base import CaptureError
from .geometry import EMPTY_BOX
from .image_copy import CopySession
from .pointer_image import MOST_POINTER_PX, pointer_image
from .wayland_pictures import ARGB, Buffer, Shape

_HAS_POINTER = 1
_LOOK_GAP_NS = 16_000_000
_LATER_NS = (0, 50_000_000, 250_000_000, 1_000_000_000)
"""After something happened: a program may take a while to set another pointer."""


class SessionPointer:
    """What is known of the pointer; belongs to one capture."""

    def __init__(
        self, connection: WaylandConnection, shm: Proxy, manager: Proxy, source: Proxy,
        *, clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        self._shm, self._manager, self._source, self._clock_ns = shm, manager, source, clock_ns
        self._seat = connection.bind("wl_seat", on=self._on_seat)
        self._device: Proxy | None = None
        self._cursor: Proxy | None = None
        self._session: CopySession | None = None
        self._buffer: Buffer | None = None
        self._image: PointerImage | None = None
        self._image_bytes = b""
        self._is_inside = False
        self._x = self._y = 0
        self._hot = self._image_hot = (0, 0)
        self._looks_ns: list[int] = []
        """When to look again, the next one first."""
        self._looked_at_ns = 0
        self._is_changed = False
        self._told_at_ns = 0
        self.seen: PointerSeen | None = None
        """As last told."""

    @property
    def is_refused(self) -> bool:
        """Whether the compositor will never tell of it."""
        return self._session is not None and self._session.is_stopped and self.seen is None

    @property
    def box(self) -> Box:
        """What it covers, as last told."""
        return EMPTY_BOX if self.seen is None else self.seen.image.box_at(self.seen.x, self.seen.y)

    @property
    def due_at_ns(self) -> int | None:
        """When `step` has something to do."""
        due = self._looks_ns[:1]
        if self._is_changed:
            due.append(self._told_at_ns + _LOOK_GAP_NS)
        return min(due) if due else None

    def stir(self) -> None:
        """Something may have happened to it."""
        now_ns = self._clock_ns()
        first_ns = max(now_ns, self._looked_at_ns + _LOOK_GAP_NS)
        if self._looks_ns and self._looks_ns[0] <= first_ns:
            first_ns = self._looks_ns[0]  # else what happens all the time would put it off for ever
        self._looks_ns = [first_ns + later_ns for later_ns in _LATER_NS]

    def step(self) -> bool:
        """Asks what is due; whether `seen` is new by that. Raises `CaptureError` when nothing more will be told."""
        now_ns = self._clock_ns()
        if self._looks_ns and self._looks_ns[0] <= now_ns:
            self._looked_at_ns = now_ns
            self._looks_ns = [at_ns for at_ns in self._looks_ns if at_ns > now_ns]
            if self._session is not None:
                self._session.ask()
        if self._session is not None and self._session.is_stopped and self.seen is not None:
            raise CaptureError("The compositor has ended the capture of its pointer")
        if not self._is_changed or now_ns < self._told_at_ns + _LOOK_GAP_NS:
            return False
        self._is_changed, self._told_at_ns = False, now_ns
        if self._image is None:
            return False
        image = self._image if self._is_inside else NO_POINTER
        if self.seen is not None and (image, self._x, self._y) == (self.seen.image, self.seen.x, self.seen.y):
            return False
        self.seen = PointerSeen(image, self._x, self._y)
        return True

    def _on_seat(self, event: str, arguments: list[Any]) -> None:
        if event != "capabilities":
            return
        has_pointer = bool(arguments[0] & _HAS_POINTER)
        if has_pointer and self._device is None:
            self._device = self._seat.make("get_pointer", "wl_pointer")
            self._cursor = self._manager.make(
                "create_pointer_cursor_session", "ext_image_copy_capture_cursor_session_v1", self._source,
                self._device, on=self._on_cursor,
            )  # fmt: skip
            self._session = CopySession(lend=self._lend, shape=_shape, on_copied=self._on_copied)
            self._session.open(self._cursor.make("get_capture_session", "ext_image_copy_capture_session_v1"))
            self.stir()
        elif not has_pointer and self._device is not None and self._session is not None and self._cursor is not None:
            self._session.close()
            self._cursor.destroy()
            self._device = self._cursor = self._session = None  # a wl_pointer of version 1 can't be destroyed
            self._is_inside, self._is_changed = False, True

    def _on_cursor(self, event: str, arguments: list[Any]) -> None:
        match event:
            case "enter":
                self._is_inside = True
                self.stir()
            case "leave":
                self._is_inside = False
            case "position":
                self._x, self._y = arguments
            case "hotspot":
                self._hot = (arguments[0], arguments[1])
                self.stir()
        self._is_changed = True

    def _lend(self, shape: Shape) -> Buffer:
        if self._buffer is None or self._buffer.shape != shape:
            if self._buffer is not None:
                self._buffer.proxy.destroy()
            self._buffer = Buffer(self._shm, shape)
        return self._buffer

    def _on_copied(self, buffer: Buffer, changed: Box) -> None:
        """An image is there; it is a new one only where it looks different."""
        buffer.stale = None
        found = np.ascontiguousarray(buffer.pixels).tobytes()
        if self._image is not None and (found, self._hot) == (self._image_bytes, self._image_hot):
            return
        shape = buffer.shape
        self._image = pointer_image(shape.width_px, shape.height_px, *self._hot, found)
        self._image_bytes, self._image_hot = found, self._hot
        self._is_changed = True


def _shape(width_px: int, height_px: int, formats: frozenset[int]) -> Shape | None:
    """None where it is no image that can be drawn: a compositor without a pointer of its own says 0x0 pixels."""
    if ARGB not in formats or not (0 < width_px <= MOST_POINTER_PX and 0 < height_px <= MOST_POINTER_PX):
        return None
    return Shape(ARGB, width_px, height_px, width_px * 4)
