"""Input into a Wayland desktop by a virtual pointer and a virtual keyboard. Lives on the loop.

All peers share one connection and each has a sink of its own with what it holds down. Nothing here waits for the
compositor: what its socket has no room for is sent when it has, and a compositor that does not read for long is
`Unavailable`. Programs repeat held keys by themselves, so a key that is down already is not pressed again. The keyboard
brings its layout along, and says which modifiers are on, since the compositor does not follow them.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from dillinger_contracts.input import Button, InputEvent, Key, Move, MoveBy, ReleaseAll, Wheel
from dillinger_contracts.session import FIRST_LAYOUT
from dillinger_stream.wayland.connection import WaylandConnection

from .late_writer import LateWriter
from .xkb import Keymap, Modifiers

_NOTCH = 120
_NOTCH_TRAVEL = 15.0
"""What a notch of a mouse's wheel is in a compositor's units."""
_MOST_NOTCHES = 16
"""A wheel event of more is a prank."""
_VERTICAL, _HORIZONTAL = 0, 1
_BUTTONS = {1: 0x110, 2: 0x112, 3: 0x111, 8: 0x113, 9: 0x114}
"""X11's numbers → BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, BTN_SIDE, BTN_EXTRA of linux/input-event-codes.h."""
_FIRST_BUTTON = 0x110
"""Keys have numbers below, which makes one number enough for both."""
_MOST_PX = 16_384
_CURRENT = 1
_XKB_V1 = 1
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_HINT = "Use a compositor made with wlroots, such as sway"


class WaylandInput:
    """The desktop's keyboard and pointer, shared by all peers."""

    def __init__(self, connect: Callable[[], socket.socket], *, layout: str = FIRST_LAYOUT) -> None:
        """Over the socket that `connect` brings; blocks for 5 s at most, then raises `CaptureError` (an
        `Unavailable`)."""
        keymap = Keymap(layout)
        self._connection = WaylandConnection(connect())
        try:
            connection = self._connection
            self._size = (1, 1)
            connection.bind("wl_output", on=self._on_output)
            seat = connection.bind("wl_seat")
            pointers = connection.bind("zwlr_virtual_pointer_manager_v1", hint=_HINT)
            keyboards = connection.bind("zwp_virtual_keyboard_manager_v1", hint=_HINT)
            self._pointer = pointers.make("create_virtual_pointer", "zwlr_virtual_pointer_v1", seat)
            self._keyboard = keyboards.make("create_virtual_keyboard", "zwp_virtual_keyboard_v1", seat)
            self._holders: Counter[int] = Counter()
            self._layout = layout
            self._load(keymap)
            connection.roundtrip()
        except BaseException:
            self._connection.close()
            raise
        self._writer = LateWriter(self._connection, self._write)

    def sink(self) -> WaylandSink:
        """For one peer."""
        return WaylandSink(self)

    def set_layout(self, layout: str) -> None:
        """Keys that are down stay down; raises `Unsupported`, and leaves it as it was, or `Unavailable`."""
        if layout != self._layout:
            self._load(Keymap(layout))
            self._layout = layout
            self._writer.send()

    def close(self) -> None:
        """Ends the connection; idempotent."""
        self._writer.close()
        self._connection.close()

    def press(self, code: int) -> None:
        """One more peer holds this key or button; the first of them presses it."""
        if not self._holders[code]:
            self._turn(code, is_down=True)
        self._holders[code] += 1

    def let_go(self, code: int) -> None:
        """One peer less holds it; with the last it goes up."""
        self._holders[code] -= 1
        if self._holders[code] <= 0:
            del self._holders[code]
            self._turn(code, is_down=False)

    def scroll(self, axis: int, notches: int) -> None:
        """Whole notches of the wheel."""
        self._point("axis_discrete", axis, notches * _NOTCH_TRAVEL, notches)

    def move_to(self, x: int, y: int) -> None:
        """To a place of the desktop, 0 to 65535 across it."""
        self._connection.read()  # a resize that was not read yet would send the pointer to a place of the old picture
        width, height = self._size
        place = (x * (width - 1) + 32_767) // 65_535, (y * (height - 1) + 32_767) // 65_535
        # To the middle of the pixel: so no rounding on the way makes it another.
        self._point("motion_absolute", place[0] * 2 + 1, place[1] * 2 + 1, width * 2, height * 2)

    def move_by(self, dx: int, dy: int) -> None:
        """By pixels."""
        self._point("motion", dx, dy)

    def _turn(self, code: int, *, is_down: bool) -> None:
        if code >= _FIRST_BUTTON:
            self._point("button", code, int(is_down))
            return
        self._keymap.turn(code, is_down=is_down)
        self._keyboard.call("key", _now_ms(), code, int(is_down))
        self._tell_modifiers()
        self._writer.send()

    def _point(self, request: str, *arguments: Any) -> None:
        self._pointer.call(request, _now_ms(), *arguments)
        self._pointer.call("frame")
        self._writer.send()

    def _load(self, keymap: Keymap) -> None:
        for code in self._holders:
            if code < _FIRST_BUTTON:
                keymap.turn(code, is_down=True)
        text = keymap.text + b"\0"
        descriptor = os.memfd_create("dillinger-keymap", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.write(descriptor, text)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            self._keyboard.call("keymap", _XKB_V1, descriptor, len(text))
        finally:
            os.close(descriptor)
        self._keymap = keymap
        self._told: Modifiers | None = None
        self._tell_modifiers()

    def _tell_modifiers(self) -> None:
        modifiers = self._keymap.modifiers
        if modifiers != self._told:
            self._told = modifiers
            self._keyboard.call("modifiers", *modifiers)

    def _on_output(self, event: str, arguments: list[Any]) -> None:
        if event == "mode" and arguments[0] & _CURRENT:
            width, height = arguments[1:3]
            self._size = (max(1, min(width, _MOST_PX)), max(1, min(height, _MOST_PX)))

    def _write(self) -> bool:
        self._connection.read()
        self._connection.flush()
        return not self._connection.has_unsent


class WaylandSink:
    """One peer's hands."""

    def __init__(self, display: WaylandInput) -> None:
        self._display = display
        self._held: set[int] = set()
        self._wheel = {_HORIZONTAL: 0, _VERTICAL: 0}

    def handle(self, event: InputEvent) -> None:
        """Injects `event`; raises `Unavailable` when the display is gone."""
        match event:
            case Key():
                self._hold(event.code, event.is_down)
            case Button():
                self._hold(_BUTTONS[event.button], event.is_down)
            case Move():
                self._display.move_to(event.x, event.y)
            case MoveBy():
                self._display.move_by(event.dx, event.dy)
            case Wheel():
                self._roll(_HORIZONTAL, event.dx)
                self._roll(_VERTICAL, event.dy)
            case ReleaseAll():
                self.release_all()
            case _:
                pass  # `shown` is for the transport

    def release_all(self) -> None:
        """Lets go of every key and button that this peer holds; idempotent."""
        held, self._held = self._held, set()
        self._wheel = dict.fromkeys(self._wheel, 0)
        for code in held:
            self._display.let_go(code)

    def close(self) -> None:
        """Nothing but the keys was this peer's own."""
        self.release_all()

    def _hold(self, code: int, is_down: bool) -> None:
        if is_down and code not in self._held:
            self._display.press(code)
            self._held.add(code)
        elif not is_down and code in self._held:
            self._held.discard(code)
            self._display.let_go(code)

    def _roll(self, axis: int, travel: int) -> None:
        """Each whole notch of what has come together; the rest waits for more."""
        travel += self._wheel[axis]
        notches = int(travel / _NOTCH)
        self._wheel[axis] = travel - notches * _NOTCH
        if notches:
            self._display.scroll(axis, max(-_MOST_NOTCHES, min(notches, _MOST_NOTCHES)))


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000 & 0xFFFFFFFF
