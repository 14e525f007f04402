"""The pictures of a compositor by ext-image-copy-capture: what a session of it is asked and told, and the screen's.

A session tells first what memory it wants (its constraints), then gives one frame at a time: at once the first, later
ones as soon as something has changed. It copies no more than what changed, and what was stale in the buffer. The
pointer is not in the picture: it has a session of its own (`cursor_session`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dillinger_contracts.media import Box
from dillinger_stream.wayland.connection import Proxy, WaylandConnection

from .base import CaptureError
from .geometry import clip, is_empty, union
from .wayland_pictures import ARGB, XRGB, Buffer, Pictures, Shape, picture_shape

SOURCES, MANAGER = "ext_output_image_capture_source_manager_v1", "ext_image_copy_capture_manager_v1"
_PAINT_CURSORS = 1
_FAILING_S = 5.0
"""A frame fails when the desktop changes its size under it; who only fails for so long gives no pictures any more."""
_MOST_FORMATS = 64


def is_offered(connection: WaylandConnection) -> bool:
    """Whether the compositor has it."""
    return {SOURCES, MANAGER} <= {found.interface for found in connection.globals}


class CopySession:
    """One session: its constraints, and the frame that it was asked for."""

    def __init__(
        self, *, lend: Callable[[Shape], Buffer], shape: Callable[[int, int, frozenset[int]], Shape | None],
        on_copied: Callable[[Buffer, Box], None],
    ) -> None:  # fmt: skip
        """`shape` makes of width, height and wl_shm's formats what is asked for: None for nothing, for now.
        `on_copied` hears of a frame that is there, and where it differs from the one before."""
        self._lend, self._shape_of, self._on_copied = lend, shape, on_copied
        self._proxy: Proxy | None = None
        self._size = (0, 0)
        self._formats: set[int] = set()
        self._is_told = False
        """Whether the constraints are whole."""
        self._frame: Proxy | None = None
        self._buffer: Buffer | None = None
        self._shape: Shape | None = None
        self._damage: Box | None = None
        self._is_first = True
        self._failing_since_s: float | None = None
        self.is_stopped = False

    def open(self, proxy: Proxy) -> None:
        """From now on it is the compositor's session `proxy`."""
        self._proxy = proxy
        proxy.on = self._on_session

    def ask(self) -> None:
        """Sees that a frame was asked for, once it is known what memory it wants."""
        if self._proxy is None or self._frame is not None or not self._is_told or self.is_stopped:
            return
        shape = self._shape_of(*self._size, frozenset(self._formats))
        if shape is None:
            return
        buffer = self._lend(shape)
        if self._shape != shape:
            self._shape, self._is_first = shape, True
        self._buffer, self._damage = buffer, None
        self._frame = frame = self._proxy.make("create_frame", "ext_image_copy_capture_frame_v1", on=self._on_frame)
        frame.call("attach_buffer", buffer.proxy)
        if buffer.stale is not None:
            stale = buffer.stale
            frame.call("damage_buffer", stale.x, stale.y, stale.width, stale.height)
        frame.call("capture")

    def close(self) -> None:
        """Ends it; idempotent."""
        if self._buffer is not None:
            self._buffer.stale = self._buffer.shape.whole  # it may be half drawn
        for proxy in (self._frame, self._proxy):
            if proxy is not None:
                proxy.destroy()
        self._frame = self._proxy = self._buffer = None

    def _on_session(self, event: str, arguments: list[Any]) -> None:
        match event:
            case "buffer_size":
                self._begin_constraints()
                self._size = (arguments[0], arguments[1])
            case "shm_format":
                self._begin_constraints()
                if len(self._formats) < _MOST_FORMATS:
                    self._formats.add(arguments[0])
            case "done":
                self._is_told = True
            case "stopped":
                self.is_stopped = True

    def _begin_constraints(self) -> None:
        """What follows is all of them anew."""
        if self._is_told:
            self._is_told = False
            self._formats.clear()

    def _on_frame(self, event: str, arguments: list[Any]) -> None:
        buffer = self._buffer
        if self._frame is None or buffer is None:
            return
        match event:
            case "damage":
                self._damage = union(self._damage, clip(Box(*arguments), buffer.shape.width_px, buffer.shape.height_px))
            case "ready":
                self._end_frame()
                self._failing_since_s = None
                changed = buffer.shape.whole if self._is_first else self._damage
                self._is_first = False
                if changed is not None and not is_empty(changed):
                    self._on_copied(buffer, changed)
            case "failed":
                self._end_frame()
                buffer.stale = buffer.shape.whole  # who knows what was drawn into it
                now_s = time.monotonic()
                self._failing_since_s = self._failing_since_s or now_s
                if now_s - self._failing_since_s > _FAILING_S:
                    raise CaptureError("The compositor refuses to give its picture")

    def _end_frame(self) -> None:
        if self._frame is not None:
            self._frame.destroy()
        self._frame = self._buffer = None


class ImageCopy:
    """Asks for the pictures of a compositor's first output."""

    def __init__(self, connection: WaylandConnection, pictures: Pictures) -> None:
        """Raises `CaptureError` where the compositor has no such thing."""
        self._pictures = pictures
        self.manager = connection.bind(MANAGER)
        output = connection.bind("wl_output")
        self.source = connection.bind(SOURCES).make("create_source", "ext_image_capture_source_v1", output)
        self._session = self._open(0)
        self._paints = False

    def ask(self) -> None:
        """Sees that a frame was asked for; raises `CaptureError` when there will be none any more."""
        if self._session.is_stopped:
            raise CaptureError("The compositor has ended the capture of its screen")
        self._session.ask()

    def paint_pointer(self) -> None:
        """From now on the compositor draws the pointer into the picture: it does not tell of it apart."""
        if not self._paints:
            self._paints = True
            self._session.close()  # first: wlroots makes one session with and one without it the same
            self._session = self._open(_PAINT_CURSORS)

    def _open(self, options: int) -> CopySession:
        session = CopySession(lend=self._pictures.lend, shape=_shape, on_copied=self._pictures.arrived)
        session.open(self.manager.make("create_session", "ext_image_copy_capture_session_v1", self.source, options))
        return session


def _shape(width_px: int, height_px: int, formats: frozenset[int]) -> Shape:
    form = next((form for form in (XRGB, ARGB) if form in formats), None)
    if form is None:
        raise CaptureError(f"The compositor gives its picture in none of our formats, but in {sorted(formats)}")
    return picture_shape(form, width_px, height_px, width_px * 4)
