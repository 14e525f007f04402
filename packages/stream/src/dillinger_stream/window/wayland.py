"""A window on a Wayland compositor of this machine (xdg-shell), painted into shared memory of our own.

The compositor says when it wants the next picture, so nothing is painted while the window is hidden. What keeps the
desktop's own combinations and the pointer for the game are protocols that a compositor may lack: without them the
window does without. Nothing of a game reaches the compositor but pixels.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import socket
import stat
from collections.abc import Iterator
from typing import Any

from dillinger_contracts.input import ReleaseAll, Wheel
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.geometry import is_empty
from dillinger_stream.frames import Frame
from dillinger_stream.input.evdev import BUTTONS, NOTCH, NOTCH_TRAVEL
from dillinger_stream.wayland.connection import Proxy, WaylandConnection

from . import hands
from .base import Closed, Resized, WindowError, WindowEvent
from .buffers import Buffers

_HINT = "On a desktop without it, name the display of its Xwayland (:0)"
_APP_ID = "dillinger"
_LARGEST_PX = 16_384
_MOST_KEYMAP_BYTES = 1 << 20
_LAYOUT = re.compile(rb'xkb_symbols\s+"pc[+_]([a-z]{2,10})(?:\(([a-z0-9_-]{1,24})\))?[+_"]')
_BUTTONS = {code: number for number, code in BUTTONS.items()}
_PERSISTENT = 2
_SERVER_SIDE = 2
_FULL_SCREEN = 2
"""xdg_toplevel.state.fullscreen."""
_CURRENT = 1
_HAS_POINTER, _HAS_KEYBOARD = 1, 2


class WaylandWindow:
    """One window; not shown until `show`."""

    layout: str | None = None
    """Of its keyboard, as `set_keyboard` takes it; None where the compositor does not say."""

    def __init__(self, opened: socket.socket, *, title: str, is_full_screen: bool) -> None:
        """Takes over the connected socket; blocks for 5 s at most, then raises `WindowError`."""
        with _translated("The compositor can't be used"):
            self._connection = WaylandConnection(opened)
        self.display_px = (1280, 720)
        self._happened: list[WindowEvent] = []
        self._place = hands.Placement((0, 0), (0, 0))
        self._configured_px = (0, 0)
        self._is_stale = True
        self._is_drawing = False
        """Whether the compositor has not asked for the next picture yet."""
        self._is_mapped = False
        self._is_full_screen = is_full_screen
        self._has_focus = False
        self._grabs = True
        """Whether the desktop's combinations and the pointer are taken at all; Ctrl+Alt+G says."""
        self._wants_pointer = False
        self._holds_by_hand = False
        self._modifiers = 0
        self._keyboard: Proxy | None = None
        self._pointer: Proxy | None = None
        self._inhibitor: Proxy | None = None
        self._lock: Proxy | None = None
        self._wheel: list[float] = [0.0, 0.0]
        self._notches = [0, 0]
        self._rest = [0.0, 0.0]
        """Of relative motion, parts of a pixel."""
        try:
            with _translated("The compositor can't be used"):
                self._open(title)
        except BaseException:
            self._connection.close()
            raise

    def _open(self, title: str) -> None:
        connection = self._connection
        compositor = connection.bind("wl_compositor", version=4, hint=_HINT)
        self._buffers = Buffers(connection.bind("wl_shm"))
        self._shell = connection.bind("xdg_wm_base", hint=_HINT, on=self._on_shell)
        self._seat = connection.bind("wl_seat", version=5, hint=_HINT, on=self._on_seat)
        connection.bind("wl_output", on=self._on_output)
        self._inhibition = self._optional("zwp_keyboard_shortcuts_inhibit_manager_v1")
        self._constraints = self._optional("zwp_pointer_constraints_v1")
        self._decoration = self._optional("zxdg_decoration_manager_v1")
        self._relative = self._optional("zwp_relative_pointer_manager_v1")
        self._surface = compositor.make("create_surface", "wl_surface")
        self._xdg = self._shell.make("get_xdg_surface", "xdg_surface", self._surface, on=self._on_surface)
        self._toplevel = self._xdg.make("get_toplevel", "xdg_toplevel", on=self._on_toplevel)
        self._toplevel.call("set_title", title[:200])
        self._toplevel.call("set_app_id", _APP_ID)
        if self._decoration is not None:
            decoration = self._decoration.make("get_toplevel_decoration", "zxdg_toplevel_decoration_v1", self._toplevel)
            decoration.call("set_mode", _SERVER_SIDE)
        connection.roundtrip()

    def _optional(self, interface: str) -> Proxy | None:
        with contextlib.suppress(CaptureError):
            return self._connection.bind(interface)
        return None

    def show(self, width_px: int, height_px: int) -> None:
        """Asks for a place; this large where it is not full screen and the compositor leaves that to it."""
        with _translated("The machine's compositor is gone"):
            self._configured_px = self.display_px if self._is_full_screen else (width_px, height_px)
            if self._is_full_screen:
                self._toplevel.call("set_fullscreen", None)
            self._surface.call("commit")
            self._connection.flush()

    @property
    def is_stale(self) -> bool:
        """Whether the next picture has to be a whole one."""
        return self._is_stale and self.is_ready

    @property
    def is_ready(self) -> bool:
        """Whether the compositor wants a picture, and there is room for one."""
        return self._is_mapped and not self._is_drawing and self._buffers.has_room

    def fileno(self) -> int:
        """Readable when something happened."""
        return self._connection.fileno()

    def read(self) -> list[WindowEvent]:
        """What happened since the last call, without waiting."""
        with _translated("The machine's compositor is gone"):
            self._connection.read()
            self._connection.flush()
        happened, self._happened = self._happened, []
        return happened

    def paint(self, frame: Frame) -> None:
        """Shows what `frame` brings."""
        with _translated("The machine's compositor is gone"):
            picture_px = (frame.width_px, frame.height_px)
            if picture_px != self._place.picture_px:
                self._place = hands.Placement(self._place.window_px, picture_px)
                self._buffers.resize(self._place.window_px)  # what this one does not cover is to be black
                self._is_stale = True
            if is_empty(frame.box) or not self._buffers.has_room:
                return
            self._is_stale = False
            buffer, hurt = self._buffers.draw(frame, self._place)
            self._surface.call("attach", buffer, 0, 0)
            self._surface.call("damage_buffer", hurt.x, hurt.y, hurt.width, hurt.height)
            self._surface.make("frame", "wl_callback", on=self._on_wanted)
            self._surface.call("commit")
            self._is_drawing = True
            self._connection.flush()

    def hold_pointer(self, *, is_held: bool) -> None:
        """The pointer is the game's: it stays in the window and moves by steps, until it is given back."""
        self._wants_pointer = is_held
        with _translated("The machine's compositor is gone"):
            self._settle_grabs()
            self._connection.flush()

    def close(self) -> None:
        """Takes the window away; idempotent."""
        self._connection.close()

    def _on_wanted(self, event: str, arguments: list[Any]) -> None:
        self._is_drawing = False

    # What the compositor says

    def _on_shell(self, event: str, arguments: list[Any]) -> None:
        self._shell.call("pong", arguments[0])

    def _on_output(self, event: str, arguments: list[Any]) -> None:
        if event == "mode" and arguments[0] & _CURRENT:
            self.display_px = (arguments[1], arguments[2])

    def _on_toplevel(self, event: str, arguments: list[Any]) -> None:
        if event == "close":
            self._happened.append(Closed())
        elif event == "configure":
            width_px, height_px, states = arguments
            self._is_full_screen = _FULL_SCREEN in memoryview(states[: len(states) & ~3]).cast("I")
            if 0 < width_px <= _LARGEST_PX and 0 < height_px <= _LARGEST_PX:
                self._configured_px = (width_px, height_px)

    def _on_surface(self, event: str, arguments: list[Any]) -> None:
        self._xdg.call("ack_configure", arguments[0])
        self._is_mapped = True
        if self._configured_px != self._place.window_px:
            self._place = hands.Placement(self._configured_px, self._place.picture_px)
            self._buffers.resize(self._configured_px)
            self._is_stale, self._is_drawing = True, False
            self._happened.append(Resized(*self._configured_px))
        else:
            self._surface.call("commit")

    def _on_seat(self, event: str, arguments: list[Any]) -> None:
        """Keyboard and pointer are asked for when they are there, which may be later; pulled out, they stay."""
        if event != "capabilities":
            return
        if arguments[0] & _HAS_KEYBOARD and self._keyboard is None:
            self._keyboard = self._seat.make("get_keyboard", "wl_keyboard", on=self._on_keyboard)
        if arguments[0] & _HAS_POINTER and self._pointer is None:
            self._pointer = self._seat.make("get_pointer", "wl_pointer", on=self._on_pointer)
            if self._relative is not None:
                interface = "zwp_relative_pointer_v1"
                self._relative.make("get_relative_pointer", interface, self._pointer, on=self._on_relative)

    def _on_keyboard(self, event: str, arguments: list[Any]) -> None:
        match event:
            case "keymap":
                self.layout = _layout_of(arguments[1], arguments[2])
            case "enter":
                self._has_focus = True
                self._settle_grabs()
            case "leave":
                self._has_focus = False
                self._settle_grabs()
                self._happened.append(ReleaseAll())
            case "modifiers":
                self._modifiers = arguments[1]
            case "key":
                self._press(arguments[2] + hands.EVDEV_OFFSET, is_down=bool(arguments[3]))

    def _press(self, keycode: int, *, is_down: bool) -> None:
        kept = hands.hotkey(keycode, self._modifiers) if is_down else None
        if kept is None:
            self._tell(hands.key(keycode, is_down=is_down))
            return
        if kept is hands.Hotkey.GRAB:
            self._grabs = not self._grabs
            self._settle_grabs()
        elif kept is hands.Hotkey.HOLD:
            self._holds_by_hand = not self._holds_by_hand
            self._settle_grabs()
        elif self._is_full_screen:
            self._toplevel.call("unset_fullscreen")
        else:
            self._toplevel.call("set_fullscreen", None)
        self._tell(ReleaseAll())

    def _on_pointer(self, event: str, arguments: list[Any]) -> None:
        match event:
            case "enter" if self._pointer is not None:
                self._pointer.call("set_cursor", arguments[0], None, 0, 0)  # it is part of the picture
                self._move(arguments[2], arguments[3])
            case "motion":
                self._move(arguments[1], arguments[2])
            case "button":
                number = _BUTTONS.get(arguments[2])
                if number is not None:
                    self._tell(hands.button(number, is_down=bool(arguments[3])))
            case "axis" if arguments[1] < 2:
                self._wheel[arguments[1]] += arguments[2]
            case "axis_discrete" if arguments[0] < 2:
                self._notches[arguments[0]] += arguments[1]
            case "frame":
                self._turn()

    def _move(self, x_px: float, y_px: float) -> None:
        if self._lock is None and self._place.picture_px[0]:
            self._tell(self._place.move(int(x_px), int(y_px)))

    def _turn(self) -> None:
        """A wheel tells notches beside pixels; a finger pixels alone."""
        dy, dx = (
            notches * NOTCH if notches else round(px * NOTCH / NOTCH_TRAVEL)
            for notches, px in zip(self._notches, self._wheel, strict=True)
        )
        self._notches, self._wheel = [0, 0], [0.0, 0.0]
        if dx or dy:
            self._tell(Wheel(dx=max(-32_000, min(dx, 32_000)), dy=max(-32_000, min(dy, 32_000))))

    def _on_relative(self, event: str, arguments: list[Any]) -> None:
        if self._lock is None:
            return
        self._rest = [self._rest[0] + arguments[2], self._rest[1] + arguments[3]]
        dx, dy = int(self._rest[0]), int(self._rest[1])
        self._rest = [self._rest[0] - dx, self._rest[1] - dy]
        self._tell(hands.step(dx, dy))

    def _tell(self, event: WindowEvent | None) -> None:
        if event is not None:
            self._happened.append(event)

    def _settle_grabs(self) -> None:
        """Takes or gives back the desktop's combinations and the pointer, as focus, game and Ctrl+Alt+G say."""
        wants = self._has_focus and self._grabs
        if wants and self._inhibitor is None and self._inhibition is not None:
            self._inhibitor = self._inhibition.make(
                "inhibit_shortcuts", "zwp_keyboard_shortcuts_inhibitor_v1", self._surface, self._seat
            )
        elif self._inhibitor is not None and not wants:
            self._inhibitor.destroy()
            self._inhibitor = None
        wants_pointer = wants and (self._wants_pointer or self._holds_by_hand) and self._pointer is not None
        if wants_pointer and self._lock is None and self._constraints is not None:
            self._lock = self._constraints.make(
                "lock_pointer", "zwp_locked_pointer_v1", self._surface, self._pointer, None, _PERSISTENT
            )
        elif self._lock is not None and not wants_pointer:
            self._lock.destroy()
            self._lock = None


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """A fault of this display is told apart from one of the game's."""
    try:
        yield
    except CaptureError as error:
        raise WindowError(f"{what}: {error.message}", hint=error.hint) from error


def _layout_of(descriptor: int, size_bytes: int) -> str | None:
    """Out of the keymap that the compositor hands over, whose symbols have a name made of their parts."""
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if not is_file or not 0 < size_bytes <= _MOST_KEYMAP_BYTES:
            return None
        with mmap.mmap(descriptor, size_bytes, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as text:
            found = _LAYOUT.search(text)
            if found is None:
                return None
            layout, variant = found[1].decode(), (found[2] or b"").decode()
            return f"{layout}:{variant}" if variant else layout
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
