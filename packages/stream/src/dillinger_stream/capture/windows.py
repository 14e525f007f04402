"""The top-level windows of a desktop without a window manager. Used under the lock of `Display`.

What a window says about itself is a hostile game's word: it is read with limits, and anything odd counts as not said.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xcffib.xproto

from .base import RequestRefusedError
from .xconnection import XConnection

_MOST_WINDOWS = 256
_SMALLEST_PX = 32
"""Toolkits keep hidden windows of a few pixels; they are no sign of a game."""
_TITLE_BYTES = 256
_CLASS_BYTES = 512
_MIN_SIZE, _MAX_SIZE = 16, 32
"""Flags of WM_NORMAL_HINTS (ICCCM section 4.1.2.3)."""
_HINTS = struct.Struct("=18I")
_WISHES = struct.Struct("=2I")
"""The first fields of WM_HINTS (ICCCM section 4.1.2.4): flags, and whether it takes the keyboard."""
_INPUT = 1
_TELLING = frozenset(
    {xcffib.xproto.Atom.WM_NORMAL_HINTS, xcffib.xproto.Atom.WM_HINTS, xcffib.xproto.Atom.WM_TRANSIENT_FOR}
)
_CHANGES = (
    xcffib.xproto.MapNotifyEvent,
    xcffib.xproto.UnmapNotifyEvent,
    xcffib.xproto.DestroyNotifyEvent,
    xcffib.xproto.ConfigureNotifyEvent,
)


@dataclass(frozen=True, slots=True)
class Window:
    """One mapped top-level window."""

    window_id: int
    x: int
    y: int
    width_px: int
    height_px: int
    title: str
    is_fixed_size: bool
    """It says that it has one size only."""
    is_unmanaged: bool
    """Override-redirect: a menu, or a game that takes the screen in the old way."""
    is_dialog: bool = False
    """It belongs to another window."""
    takes_keyboard: bool = True
    """False: it says that it wants no keys."""


class Windows:
    """Asks for windows and moves them."""

    def __init__(self, connection: XConnection, root: int) -> None:
        self._connection = connection
        self._root = root
        self._core = connection.raw.core
        with connection.translated("refused to report windows"):
            mask = xcffib.xproto.EventMask.SubstructureNotify | xcffib.xproto.EventMask.StructureNotify
            self._core.ChangeWindowAttributes(root, xcffib.xproto.CW.EventMask, [mask])
            utf8_title = self._core.InternAtom(False, len("_NET_WM_NAME"), "_NET_WM_NAME")
        self._utf8_title = int(connection.reply(utf8_title).atom)
        self._watched: set[int] = set()

    @staticmethod
    def is_change(event: object) -> bool:
        """Whether `event` tells that a window came, went, moved, changed its size or what it says of itself."""
        if isinstance(event, xcffib.xproto.PropertyNotifyEvent):
            return event.atom in _TELLING
        return isinstance(event, _CHANGES)

    def all(self) -> list[Window]:
        """Those that show something, lowest first."""
        children = list(self._connection.reply(self._core.QueryTree(self._root)).children)[-_MOST_WINDOWS:]
        self._watched &= set(children)
        found = (self._describe(child) for child in children)
        return [window for window in found if window is not None]

    def place(self, window: Window, width_px: int, height_px: int) -> None:
        """Puts the window into the corner and gives it a size; one that is gone is no fault. Its own size is not said:
        it may have another by now."""
        fields = xcffib.xproto.ConfigWindow
        place, size = fields.X | fields.Y, fields.Width | fields.Height
        with self._connection.translated("is gone"):
            is_so_large = (window.width_px, window.height_px) == (width_px, height_px)
            if not window.is_unmanaged and not is_so_large:
                self._core.ConfigureWindow(window.window_id, place | size, [0, 0, width_px, height_px])
            elif not window.is_unmanaged and (window.x, window.y) != (0, 0):
                self._core.ConfigureWindow(window.window_id, place, [0, 0])
            self._connection.raw.flush()

    def is_of_windows(self, window: Window) -> bool:
        """Whether a Windows program made it: Wine calls a window's class by the program's file."""
        try:
            name = self._property(window.window_id, xcffib.xproto.Atom.WM_CLASS, _CLASS_BYTES)
        except RequestRefusedError:
            return False  # closed meanwhile
        return name.partition(b"\0")[0].lower().endswith(b".exe")

    def _describe(self, window_id: int) -> Window | None:
        try:
            attributes = self._connection.reply(self._core.GetWindowAttributes(window_id))
            is_shown = attributes.map_state == xcffib.xproto.MapState.Viewable
            if not is_shown or attributes._class != xcffib.xproto.WindowClass.InputOutput:
                return None
            self._watch(window_id)
            geometry = self._connection.reply(self._core.GetGeometry(window_id))
            if geometry.width < _SMALLEST_PX or geometry.height < _SMALLEST_PX:
                return None
            title = self._property(window_id, self._utf8_title, _TITLE_BYTES) or self._property(
                window_id, xcffib.xproto.Atom.WM_NAME, _TITLE_BYTES
            )
            hints = self._property(window_id, xcffib.xproto.Atom.WM_NORMAL_HINTS, _HINTS.size)
            wishes = self._property(window_id, xcffib.xproto.Atom.WM_HINTS, _WISHES.size)
            owner = self._property(window_id, xcffib.xproto.Atom.WM_TRANSIENT_FOR, 4)
        except RequestRefusedError:
            return None  # closed between the questions
        return Window(
            window_id=window_id,
            x=int(geometry.x),
            y=int(geometry.y),
            width_px=int(geometry.width),
            height_px=int(geometry.height),
            title=title.decode("utf-8", "replace"),
            is_fixed_size=is_fixed_size(hints),
            is_unmanaged=bool(attributes.override_redirect),
            is_dialog=any(owner),
            takes_keyboard=takes_keyboard(wishes),
        )

    def _watch(self, window_id: int) -> None:
        """Has it tell of what it says later: some toolkits map a window before they say that its size is fixed."""
        if window_id not in self._watched:
            self._watched.add(window_id)
            # Not checked: a window that has closed by now is no fault.
            mask = [xcffib.xproto.EventMask.PropertyChange]
            self._core.ChangeWindowAttributes(window_id, xcffib.xproto.CW.EventMask, mask)

    def _property(self, window_id: int, name: int, most_bytes: int) -> bytes:
        any_type: Any = xcffib.xproto.GetPropertyType.Any
        reply = self._connection.reply(self._core.GetProperty(False, window_id, name, any_type, 0, most_bytes // 4))
        with self._connection.translated("sent a property that can't be read"):
            return bytes(reply.value.raw[:most_bytes]) if reply.value_len else b""


def is_fixed_size(hints: bytes) -> bool:
    """Whether WM_NORMAL_HINTS has a smallest and a largest size that are the same."""
    if len(hints) < _HINTS.size:
        return False
    (
        flags,
        *_,
    ) = (fields := _HINTS.unpack(hints[: _HINTS.size]))
    has_both = bool(flags & _MIN_SIZE) and bool(flags & _MAX_SIZE)
    return has_both and fields[5:7] == fields[7:9] and min(fields[5:7]) > 0


def takes_keyboard(wishes: bytes) -> bool:
    """False where WM_HINTS says that the window takes no keys; a window that says nothing does."""
    if len(wishes) < _WISHES.size:
        return True
    flags, has_input = _WISHES.unpack(wishes[: _WISHES.size])
    return not flags & _INPUT or bool(has_input)


def largest(windows: Sequence[Window]) -> Window | None:
    """By area, of equals the last, which is the upper one; a dialog only where there is nothing else."""
    main: Window | None = None
    for window in [window for window in windows if not window.is_dialog] or windows:
        if main is None or window.width_px * window.height_px >= main.width_px * main.height_px:
            main = window
    return main
