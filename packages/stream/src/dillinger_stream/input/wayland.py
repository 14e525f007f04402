"""Input into a Wayland desktop by a virtual pointer and a virtual keyboard. Lives on the loop.

All peers share one connection. Nothing here waits for the compositor: what its socket has no room for is sent when it
has, and a compositor that does not read for long is `Unavailable`. Programs repeat held keys by themselves, so a key
that is down already is not pressed again. The keyboard brings its layout along, and says which modifiers are on, since
the compositor does not follow them. A character that no key writes gets an unused key of that layout.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.session import FIRST_LAYOUT
from dillinger_stream.wayland.connection import WaylandConnection

from .evdev import FIRST_BUTTON, NOTCH_TRAVEL, EvdevSink, Holders
from .in_line import InLine, Lent
from .late_writer import LateWriter
from .spare_keys import SpareKeys
from .xkb import Keymap, Modifiers

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
            self._holders = Holders(self._turn)
            self._layout = layout
            self._load(keymap)
            self._line = InLine(self._spare, self._type)
            connection.roundtrip()
        except BaseException:
            self._connection.close()
            raise
        self._writer = LateWriter(self._connection, self._write)

    def sink(self) -> EvdevSink:
        """For one peer."""
        return EvdevSink(self)

    def set_layout(self, layout: str) -> None:
        """Keys that are down stay down; raises `Unsupported`, and leaves it as it was, or `Unavailable`."""
        if layout != self._layout:
            keymap = Keymap(layout)
            self._line.settle()
            self._load(keymap)
            self._layout, self._line = layout, InLine(self._spare, self._type)
            self._writer.send()

    def close(self) -> None:
        """Ends the connection; idempotent."""
        with contextlib.suppress(Unavailable):
            self._line.settle()
        self._writer.close()
        self._connection.close()

    def press(self, code: int) -> None:
        """One more peer holds this key or button; the first of them presses it."""
        self._holders.press(code)

    def let_go(self, code: int) -> None:
        """One peer less holds it; with the last it goes up."""
        self._holders.let_go(code)

    def write(self, code_point: int) -> None:
        """One character, whatever the layout."""
        self._line.write(code_point)

    def settle(self) -> None:
        """Nothing waits for text any more."""
        self._line.settle()

    def scroll(self, axis: int, notches: int) -> None:
        """Whole notches of the wheel."""
        self._point("axis_discrete", axis, notches * NOTCH_TRAVEL, notches)

    def move_to(self, x: int, y: int) -> None:
        """To a place of the desktop, 0 to 65535 across it."""
        self._connection.read()  # a resize that was not read yet would send the pointer to a place of the old picture
        width, height = self._size
        place = (x * (width - 1) + 32_767) // 65_535, (y * (height - 1) + 32_767) // 65_535
        # A quarter into the pixel: neither cutting nor rounding on the way makes it another.
        self._point("motion_absolute", place[0] * 4 + 1, place[1] * 4 + 1, width * 4, height * 4)

    def move_by(self, dx: int, dy: int) -> None:
        """By pixels."""
        self._point("motion", dx, dy)

    def _turn(self, code: int, is_down: bool) -> None:
        if code >= FIRST_BUTTON:
            self._point("button", code, int(is_down))
        else:
            self._line.do(partial(self._turn_key, code, is_down))

    def _point(self, request: str, *arguments: Any) -> None:
        self._line.do(partial(self._tell_pointer, request, *arguments))

    def _turn_key(self, code: int, is_down: bool) -> None:
        self._keymap.turn(code, is_down=is_down)
        self._keyboard.call("key", _now_ms(), code, int(is_down))
        self._tell_modifiers()
        self._writer.send()

    def _tell_pointer(self, request: str, *arguments: Any) -> None:
        self._pointer.call(request, _now_ms(), *arguments)
        self._pointer.call("frame")
        self._writer.send()

    def _type(self, batch: Sequence[Lent]) -> None:
        if any(lent.is_new for lent in batch):
            self._tell_keymap(self._keymap.text_with({code: character for character, code in self._spare.lent.items()}))
        for lent in batch:
            for is_down in (1, 0):
                self._keyboard.call("key", _now_ms(), lent.code, is_down)
        self._writer.send()

    def _load(self, keymap: Keymap) -> None:
        for code in self._holders.held:
            if code < FIRST_BUTTON:
                keymap.turn(code, is_down=True)
        self._keymap = keymap
        self._spare = SpareKeys(keymap.unused())
        self._tell_keymap(keymap.text)

    def _tell_keymap(self, text: bytes) -> None:
        text += b"\0"
        descriptor = os.memfd_create("dillinger-keymap", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.write(descriptor, text)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            self._keyboard.call("keymap", _XKB_V1, descriptor, len(text))
        finally:
            os.close(descriptor)
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


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000 & 0xFFFFFFFF
