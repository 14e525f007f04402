"""A window on an X11 display of this machine (ICCCM, EWMH), painted by MIT-SHM out of memory of our own.

The display is trusted here: it is that of the person who plays at it. Nothing of a game reaches it but pixels: the
game's own display server stays in its cell, and what it drew is copied from there. While the window has the keyboard
it has all of it, with the desktop's own combinations; Ctrl+Alt+G gives it back.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

import xcffib
import xcffib.shm
import xcffib.xkb
import xcffib.xproto

from dillinger_contracts.input import ReleaseAll
from dillinger_stream.capture.base import CaptureError, RequestRefusedError
from dillinger_stream.capture.geometry import area_px, is_empty
from dillinger_stream.capture.shm import SealedSegment
from dillinger_stream.capture.x11 import checked_root
from dillinger_stream.capture.xconnection import XConnection
from dillinger_stream.frames import Frame

from . import hands
from .base import Closed, Resized, WindowError, WindowEvent

_NAMES = (
    "WM_PROTOCOLS", "WM_DELETE_WINDOW", "UTF8_STRING", "_NET_WM_NAME", "_NET_WM_STATE", "_NET_WM_STATE_FULLSCREEN",
    "_NET_WM_BYPASS_COMPOSITOR", "_NET_SUPPORTING_WM_CHECK", "_XKB_RULES_NAMES",
)  # fmt: skip
_CLASS = b"dillinger\0Dillinger\0"
_EVENTS = (
    xcffib.xproto.EventMask.KeyPress
    | xcffib.xproto.EventMask.KeyRelease
    | xcffib.xproto.EventMask.ButtonPress
    | xcffib.xproto.EventMask.ButtonRelease
    | xcffib.xproto.EventMask.PointerMotion
    | xcffib.xproto.EventMask.Exposure
    | xcffib.xproto.EventMask.StructureNotify
    | xcffib.xproto.EventMask.FocusChange
)
_POINTER_EVENTS = (
    xcffib.xproto.EventMask.ButtonPress | xcffib.xproto.EventMask.ButtonRelease | xcffib.xproto.EventMask.PointerMotion
)
_DEPTH = 24
_ASYNC = xcffib.xproto.GrabMode.Async
_OF_A_GRAB = frozenset({xcffib.xproto.NotifyMode.Grab, xcffib.xproto.NotifyMode.Ungrab})
"""Focus events that a grab brings along: the focus itself stays where it is."""
_BY_POINTER = xcffib.xproto.NotifyDetail.Pointer
"""Keys go to whatever is below the pointer: nobody has chosen this window."""
_CLIENT_MESSAGE = struct.Struct("=BBH2I5I")
_TOGGLE, _FROM_AN_APPLICATION = 2, 1
_CORE_KEYBOARD, _DETECTABLE_REPEAT = 0x100, 1
_FORMAT_32 = 32
_MOST_WORDS = 256


class X11Window:
    """One window; not shown until `show`."""

    def __init__(self, socket_path: str, *, auth_cookie: bytes | None, title: str, is_full_screen: bool) -> None:
        """Connects; blocks for 5 s at most, then raises `WindowError`."""
        with _translated("The display can't be had"):
            self._connection = XConnection(socket_path, auth_cookie=auth_cookie)
        try:
            with self._asking():
                self._open(title, is_full_screen)
        except BaseException:
            self._connection.close()
            raise

    def _open(self, title: str, is_full_screen: bool) -> None:
        connection = self._connection
        self._root = checked_root(connection)
        self._core = connection.raw.core
        self._shm = connection.extension(xcffib.shm.key, "MIT-SHM")
        version = connection.reply(self._shm.QueryVersion())
        if (version.major_version, version.minor_version) < (1, 2):
            raise CaptureError("Its MIT-SHM is too old to attach a descriptor (1.2 is needed)")
        questions = {name: self._core.InternAtom(False, len(name), name) for name in _NAMES}
        self._atoms = {name: int(connection.reply(question).atom) for name, question in questions.items()}
        geometry = connection.reply(self._core.GetGeometry(self._root))
        self.display_px = (int(geometry.width), int(geometry.height))
        self._has_manager = bool(self._property(self._root, "_NET_SUPPORTING_WM_CHECK"))
        self.layout = _layout_of(self._property(self._root, "_XKB_RULES_NAMES"))
        """Of its keyboard, as `set_keyboard` takes it; None where the display does not say."""
        self._is_full_screen = is_full_screen
        self._segment: SealedSegment | None = None
        self._place = hands.Placement(self.display_px, self.display_px)
        self._is_stale = True
        self._is_mapped = False
        self._is_focused = False
        self._has_keyboard = False
        self._grabs = True
        """Whether keyboard and pointer are taken at all; Ctrl+Alt+G says."""
        self._wants_pointer = False
        self._holds_by_hand = False
        self._held: hands.HeldPointer | None = None
        self._tell_repeats_apart()
        self._create(title)

    def _tell_repeats_apart(self) -> None:
        """A key that is held is to come as presses without releases; the game's own display server repeats it."""
        xkb = self._connection.extension(xcffib.xkb.key, "XKEYBOARD")
        self._connection.reply(xkb.UseExtension(1, 0))
        flags = xkb.PerClientFlags(_CORE_KEYBOARD, _DETECTABLE_REPEAT, _DETECTABLE_REPEAT, 0, 0, 0)
        self._connection.reply(flags)

    def _create(self, title: str) -> None:
        raw, core = self._connection.raw, self._core
        self._window: int = raw.generate_id()
        # CWBackPixel, CWEventMask: what no picture covers is black.
        mask = xcffib.xproto.CW.BackPixel | xcffib.xproto.CW.EventMask | xcffib.xproto.CW.Cursor
        created = core.CreateWindow(
            xcffib.xproto.WindowClass.CopyFromParent, self._window, self._root, 0, 0, *self.display_px, 0,
            xcffib.xproto.WindowClass.InputOutput, 0, mask, [0, int(_EVENTS), self._no_cursor()], is_checked=True,
        )  # fmt: skip
        self._connection.check(created)
        core.ChangeWindowAttributes(self._root, xcffib.xproto.CW.EventMask, [xcffib.xproto.EventMask.StructureNotify])
        self._context: int = raw.generate_id()
        core.CreateGC(self._context, self._window, 0, [])
        atom, string = xcffib.xproto.Atom.ATOM, xcffib.xproto.Atom.STRING
        self._set(xcffib.xproto.Atom.WM_CLASS, string, _CLASS)
        self._set(xcffib.xproto.Atom.WM_NAME, string, title.encode("latin-1", "replace"))
        self._set(self._atoms["_NET_WM_NAME"], self._atoms["UTF8_STRING"], title.encode())
        self._set(self._atoms["WM_PROTOCOLS"], atom, [self._atoms["WM_DELETE_WINDOW"]])
        self._set(self._atoms["_NET_WM_BYPASS_COMPOSITOR"], xcffib.xproto.Atom.CARDINAL, [1])
        if self._is_full_screen:
            self._set(self._atoms["_NET_WM_STATE"], atom, [self._atoms["_NET_WM_STATE_FULLSCREEN"]])

    def _no_cursor(self) -> int:
        """The pointer is part of the picture, as the game draws it."""
        raw, core = self._connection.raw, self._core
        pixmap, context, cursor = raw.generate_id(), raw.generate_id(), raw.generate_id()
        core.CreatePixmap(1, pixmap, self._root, 1, 1)
        core.CreateGC(context, pixmap, xcffib.xproto.GC.Foreground, [0])
        core.PolyFillRectangle(pixmap, context, 1, [xcffib.xproto.RECTANGLE.synthetic(0, 0, 1, 1)])  # type: ignore[no-untyped-call]
        core.CreateCursor(cursor, pixmap, pixmap, 0, 0, 0, 0, 0, 0, 0, 0)
        core.FreeGC(context)
        core.FreePixmap(pixmap)
        return int(cursor)

    def show(self, width_px: int, height_px: int) -> None:
        """Maps it, this large where it is not full screen."""
        with self._asking():
            if not self._is_full_screen:
                self._resize(width_px, height_px)
            self._core.MapWindow(self._window)
            self._connection.flush()

    @property
    def is_stale(self) -> bool:
        """Whether the next picture has to be a whole one."""
        return self._is_stale and self._is_mapped

    @property
    def is_ready(self) -> bool:
        """Whether it shows."""
        return self._is_mapped

    def fileno(self) -> int:
        """Readable when something happened."""
        return self._connection.fileno()

    def read(self) -> list[WindowEvent]:
        """What happened since the last call, without waiting for more."""
        with self._asking():
            found: list[WindowEvent] = []
            while events := self._connection.events():  # a question of ours may bring more along
                for event in events:
                    found.extend(self._take(event))
            if self._held is not None and self._held.is_away:
                self._core.WarpPointer(0, self._window, 0, 0, 0, 0, *self._held.middle_px)
            self._connection.flush()
            return found

    def paint(self, frame: Frame) -> None:
        """Shows what `frame` brings; returns when the display has taken it."""
        with self._asking():
            picture_px = (frame.width_px, frame.height_px)
            if picture_px != self._place.picture_px:
                self._place = hands.Placement(self._place.window_px, picture_px)
                self._core.ClearArea(False, self._window, 0, 0, 0, 0)
            if is_empty(frame.box):
                return
            self._is_stale = False
            segment = self._segment_of(frame.width_px * frame.height_px * 4)
            (left, top), at = self._place.corner_px, 0
            for patch in frame.patches:
                box = patch.box
                segment.pixels(box.width, box.height, at)[:] = patch.pixels
                self._shm.PutImage(
                    self._window, self._context, box.width, box.height, 0, 0, box.width, box.height,
                    left + box.x, top + box.y, _DEPTH, xcffib.xproto.ImageFormat.ZPixmap, False, segment.segment_id,
                    at * 4,
                )  # fmt: skip
                at += area_px(box)
            self._connection.reply(self._core.GetInputFocus())  # an answer says that it is read: it may be overwritten

    def hold_pointer(self, *, is_held: bool) -> None:
        """The pointer is the game's: it stays in the window and moves by steps, until it is given back."""
        self._wants_pointer = is_held
        with self._asking():
            self._settle_grabs()
            self._connection.flush()

    def close(self) -> None:
        """Takes the window away; idempotent."""
        self._connection.close()
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    # What happens

    def _take(self, event: Any) -> list[WindowEvent]:
        match event:
            case xcffib.xproto.KeyPressEvent():
                return self._press(event)
            case xcffib.xproto.KeyReleaseEvent():
                return _some(hands.key(event.detail, is_down=False))
            case xcffib.xproto.ButtonPressEvent() | xcffib.xproto.ButtonReleaseEvent():
                is_down = isinstance(event, xcffib.xproto.ButtonPressEvent)
                return [*self._moved(event), *_some(hands.button(event.detail, is_down=is_down))]
            case xcffib.xproto.MotionNotifyEvent():
                return self._moved(event)
            case xcffib.xproto.ConfigureNotifyEvent():
                return self._configured(event)
            case xcffib.xproto.FocusInEvent() | xcffib.xproto.FocusOutEvent():
                return self._focused(event)
            case xcffib.xproto.ClientMessageEvent():
                return [Closed()] if self._is_closing(event) else []
            case xcffib.xproto.MapNotifyEvent():
                self._is_mapped = True
                self._manage_alone()
            case xcffib.xproto.ExposeEvent():
                self._is_stale = True
            case xcffib.xproto.DestroyNotifyEvent() if event.window == self._window:
                return [Closed()]
        return []

    def _is_closing(self, message: Any) -> bool:
        """Whether it is the window manager's question to close."""
        if message.type != self._atoms["WM_PROTOCOLS"] or message.format != _FORMAT_32:
            return False
        return int(message.data.data32[0]) == self._atoms["WM_DELETE_WINDOW"]

    def _press(self, event: Any) -> list[WindowEvent]:
        match hands.hotkey(event.detail, event.state):
            case hands.Hotkey.GRAB:
                self._grabs = not self._grabs
                self._settle_grabs()
                return [ReleaseAll()]
            case hands.Hotkey.HOLD:
                self._holds_by_hand = not self._holds_by_hand
                self._settle_grabs()
                return [ReleaseAll()]
            case hands.Hotkey.FULL_SCREEN:
                self._toggle_full_screen()
                return [ReleaseAll()]
        # One that is held repeats until the grab has ended, when the keyboard is somebody else's already.
        return _some(hands.key(event.detail, is_down=True)) if self._is_focused else []

    def _moved(self, event: Any) -> list[WindowEvent]:
        if self._held is not None:
            return _some(self._held.step(event.event_x, event.event_y))
        return [self._place.move(event.event_x, event.event_y)]

    def _configured(self, event: Any) -> list[WindowEvent]:
        size = (int(event.width), int(event.height))
        if event.window == self._root:
            self.display_px = size
            self._manage_alone()
            return []
        if event.window != self._window or size == self._place.window_px:
            return []
        self._place = hands.Placement(size, self._place.picture_px)
        self._is_stale = True
        self._settle_grabs()
        return [Resized(*size)]

    def _focused(self, event: Any) -> list[WindowEvent]:
        if event.mode in _OF_A_GRAB or event.detail == _BY_POINTER:
            return []
        self._is_focused = isinstance(event, xcffib.xproto.FocusInEvent)
        self._settle_grabs()
        return [] if self._is_focused else [ReleaseAll()]

    def _settle_grabs(self) -> None:
        """Takes or gives back keyboard and pointer, as focus, game and Ctrl+Alt+G say. What another client holds is
        asked for again when the focus comes back."""
        wants_keyboard = self._is_mapped and self._is_focused and self._grabs
        if wants_keyboard and not self._has_keyboard:
            grab = self._core.GrabKeyboard(False, self._window, 0, _ASYNC, _ASYNC)
            self._has_keyboard = self._connection.reply(grab).status == xcffib.xproto.GrabStatus.Success
        elif self._has_keyboard and not wants_keyboard:
            self._core.UngrabKeyboard(0)
            self._has_keyboard = False
        width_px, height_px = self._place.window_px
        middle_px = (width_px // 2, height_px // 2)
        if wants_keyboard and (self._wants_pointer or self._holds_by_hand):
            if self._held is None or self._held.middle_px != middle_px:
                self._hold(middle_px)
        elif self._held is not None:
            self._core.UngrabPointer(0)
            self._held = None

    def _hold(self, middle_px: tuple[int, int]) -> None:
        grab = self._core.GrabPointer(False, self._window, int(_POINTER_EVENTS), _ASYNC, _ASYNC, self._window, 0, 0)
        if self._connection.reply(grab).status == xcffib.xproto.GrabStatus.Success:
            self._core.WarpPointer(0, self._window, 0, 0, 0, 0, *middle_px)
            self._held = hands.HeldPointer(middle_px)

    def _manage_alone(self) -> None:
        """Where there is no window manager, nobody else gives the window its size and the keyboard."""
        if self._has_manager or not self._is_mapped:
            return
        if self._is_full_screen:
            self._resize(*self.display_px)
        self._core.SetInputFocus(xcffib.xproto.InputFocus.PointerRoot, self._window, 0)

    def _toggle_full_screen(self) -> None:
        state, full = self._atoms["_NET_WM_STATE"], self._atoms["_NET_WM_STATE_FULLSCREEN"]
        message = _CLIENT_MESSAGE.pack(
            33, _FORMAT_32, 0, self._window, state, _TOGGLE, full, 0, _FROM_AN_APPLICATION, 0
        )
        masks = xcffib.xproto.EventMask.SubstructureRedirect | xcffib.xproto.EventMask.SubstructureNotify
        self._core.SendEvent(False, self._root, int(masks), message)

    # How it is asked

    def _resize(self, width_px: int, height_px: int) -> None:
        mask = xcffib.xproto.ConfigWindow.Width | xcffib.xproto.ConfigWindow.Height
        self._core.ConfigureWindow(self._window, int(mask), [width_px, height_px])

    def _segment_of(self, size_bytes: int) -> SealedSegment:
        if self._segment is None or self._segment.size_bytes < size_bytes:
            if self._segment is not None:
                self._shm.Detach(self._segment.segment_id)
                self._segment.close()
            self._segment = SealedSegment(self._connection.raw, size_bytes)
        return self._segment

    def _set(self, name: int, kind: int, value: bytes | list[int]) -> None:
        data = value if isinstance(value, bytes) else struct.pack(f"={len(value)}I", *value)
        bits = 8 if isinstance(value, bytes) else _FORMAT_32
        self._core.ChangeProperty(
            xcffib.xproto.PropMode.Replace, self._window, name, kind, bits, len(data) * 8 // bits, data
        )

    def _property(self, window: int, name: str) -> bytes:
        any_type: Any = xcffib.xproto.GetPropertyType.Any
        reply = self._connection.reply(
            self._core.GetProperty(False, window, self._atoms[name], any_type, 0, _MOST_WORDS)
        )
        return bytes(reply.value.raw) if reply.value_len else b""

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        with _translated("The machine's display is gone"), self._connection.translated("is gone"):
            yield


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """A fault of this display is told apart from one of the game's."""
    try:
        yield
    except RequestRefusedError as error:
        raise WindowError(f"{what}: it refused a request ({error.message})") from error
    except CaptureError as error:
        is_gone = isinstance(error.__cause__, xcffib.ConnectionException)
        raise WindowError(what if is_gone else f"{what}: {error.message}", hint=error.hint) from error


def _some(event: WindowEvent | None) -> list[WindowEvent]:
    return [] if event is None else [event]


def _layout_of(rules: bytes) -> str | None:
    """Out of what `setxkbmap` notes on the root window: rules, model, layouts, variants, options."""
    parts = rules.decode("latin-1").split("\0")
    if len(parts) < 4 or not (layout := parts[2].split(",")[0]):
        return None
    variant = parts[3].split(",")[0]
    return f"{layout}:{variant}" if variant else layout
