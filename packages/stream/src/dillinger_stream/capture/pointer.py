"""The pointer, which a headless server's images lack: drawn into the picture, or told to those who draw it themselves.

The server is asked for the pointer's place only when somebody may have moved it or a frame is taken, and for its
image only when that changed, so that a pointer that rests costs nothing. One that others draw is looked at 60 times a
second at most, whatever moves it. A game that hides it sets an empty image,
which is drawn as nothing (XFixes' HideCursor can't be told apart: the server reports it to nobody).
"""

from __future__ import annotations

import time
from typing import Any

import xcffib.xfixes

from dillinger_contracts.media import Box
from dillinger_stream.frames import NO_POINTER, PointerImage, PointerSeen

from .base import RequestRefusedError
from .geometry import EMPTY_BOX
from .pointer_image import pointer_image
from .wire import Wire
from .xconnection import XConnection

_LOOK_GAP_NS = 16_000_000
_FRAME_GAP_NS = 8_000_000
"""A frame sooner after the last look than this asks nothing; each of sixty a second does, and needs no look of its own
between them."""


def fetch_pointer_image(connection: XConnection, fixes: Any) -> PointerImage:
    """The present image; one round trip."""
    try:
        with connection.translated("can't say how the pointer looks"):
            reply = connection.reply(fixes.GetCursorImage())
    except RequestRefusedError:
        return NO_POINTER  # no window has set a pointer yet
    return pointer_image(reply.width, reply.height, reply.xhot, reply.yhot, reply.cursor_image.raw)


class Pointer:
    """What was last drawn, and what is to be drawn next; belongs to one capture."""

    def __init__(self, connection: XConnection, root: int) -> None:
        self._connection = connection
        self._root = root
        self._fixes = connection.extension(xcffib.xfixes.key, "XFIXES")
        connection.reply(self._fixes.QueryVersion(5, 0))
        with connection.translated("refused to report the pointer"):
            self._fixes.SelectCursorInput(root, xcffib.xfixes.CursorNotifyMask.DisplayCursor)
        self.image = fetch_pointer_image(connection, self._fixes)
        self.x, self.y = 0, 0
        self.is_drawn = True
        """Whether it is part of the picture."""
        self.drawn = EMPTY_BOX
        """Where the pointer is in the last frame."""
        self._seen: PointerSeen | None = None
        self._is_image_stale = False
        self._is_stale = True
        self._looked_at_ns = 0

    @property
    def box(self) -> Box:
        """What of the picture the pointer covers now, as far as is known."""
        return self.image.box_at(self.x, self.y) if self.is_drawn and self.image.is_visible else EMPTY_BOX

    @property
    def seen(self) -> PointerSeen | None:
        """For those who draw it themselves; None before the first look."""
        return self._seen

    @property
    def due_at_ns(self) -> int | None:
        """When it should be looked at for those who draw it themselves; None where nothing happened to it."""
        return self._looked_at_ns + _LOOK_GAP_NS if self._is_stale and not self.is_drawn else None

    @property
    def is_due(self) -> bool:
        """Whether that is now."""
        due_at_ns = self.due_at_ns
        return due_at_ns is not None and time.monotonic_ns() >= due_at_ns

    @property
    def is_asked_with_frames(self) -> bool:
        """Whether to look at it when a frame is taken: a game may move it and say nothing."""
        return self.is_drawn or time.monotonic_ns() >= self._looked_at_ns + _FRAME_GAP_NS

    def doubt(self, *, image: bool = False) -> None:
        """Something may have moved it, or (`image`) changed how it looks."""
        self._is_stale = True
        self._is_image_stale |= image

    def refresh_image(self) -> None:
        """Brings up to date how it looks, where the server said that this changed."""
        if self._is_image_stale:
            self._is_image_stale = False
            self.image = fetch_pointer_image(self._connection, self._fixes)

    def ask(self, wire: Wire) -> int | None:
        """Sends the question for the place; None when nothing would be drawn anyway."""
        self._looked_at_ns = time.monotonic_ns()
        return wire.ask_pointer() if self.image.is_visible else None

    def learn(self, wire: Wire, question: int | None) -> None:
        """Takes the answer to `ask`."""
        if question is not None:
            self.x, self.y = wire.pointer(question)
        self._is_stale = self._is_image_stale
        if self._seen is None or (self.image, self.x, self.y) != (self._seen.image, self._seen.x, self._seen.y):
            self._seen = PointerSeen(self.image, self.x, self.y)
