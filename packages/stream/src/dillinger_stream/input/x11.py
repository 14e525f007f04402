"""Input into an X11 desktop by XTEST. Lives on the loop.

A character that no key writes gets a key that the layout does not use, which is set up just before it is pressed;
programs are told of that in the same order (MappingNotify, then KeyPress).

All peers share one connection and each has a sink of its own with what it holds down. Nothing here waits for the
server: a request is written only when the socket has room, and a server that does not read for long is
`Unavailable`. The server repeats held keys by itself, so a key that is down already is not pressed again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

import xcffib.xproto
import xcffib.xtest

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import KNOWN_KEYS
from dillinger_stream.capture.xconnection import XConnection

from .evdev import BUTTONS, FIRST_BUTTON, HORIZONTAL, VERTICAL, EvdevSink, Holders
from .in_line import InLine, Lent
from .late_writer import LateWriter
from .spare_keys import SpareKeys, keysym_of

_EVDEV_OFFSET = 8
_NUMBERS = {code: number for number, code in BUTTONS.items()}
_WHEEL = {VERTICAL: (4, 5), HORIZONTAL: (6, 7)}
"""The buttons that X11 knows a wheel by: up and down, left and right."""
_KEYS = (xcffib.xproto.KeyReleaseEvent.event_number, xcffib.xproto.KeyPressEvent.event_number)
_CLICKS = (xcffib.xproto.ButtonReleaseEvent.event_number, xcffib.xproto.ButtonPressEvent.event_number)
_MOTION = xcffib.xproto.MotionNotifyEvent.event_number
_MOST_PX = 32_767
_MOST_UNSENT_EVENTS = 300
"""They wait in libxcb's buffer of 16 KiB, which it would empty by itself, waiting, when it is full."""
_MOST_SPARE_KEYS = 64
"""So many characters are typed in one go at most, each by three requests: a fraction of what may be unsent."""


class XTestInput:
    """The desktop's keyboard and pointer, shared by all peers."""

    def __init__(
        self,
        socket_path: str,
        *,
        auth_cookie: bytes | None = None,
        on_pointer_moved: Callable[[], None] | None = None,
        on_pressed: Callable[[], None] | None = None,
    ) -> None:
        """Connects; blocks for 5 s at most, then raises `CaptureError` (an `Unavailable`)."""
        self._connection = XConnection(socket_path, auth_cookie=auth_cookie)
        try:
            connection = self._connection
            self._xtest = connection.extension(xcffib.xtest.key, "XTEST")
            connection.reply(self._xtest.GetVersion(2, 2))
            with connection.translated("described its screens in a way that can't be read"):
                self._root = int(connection.raw.setup.roots[0].root)
                mask = xcffib.xproto.EventMask.StructureNotify
                connection.raw.core.ChangeWindowAttributes(self._root, xcffib.xproto.CW.EventMask, [mask])
                question = connection.raw.core.GetGeometry(self._root)
            geometry = connection.reply(question)
            self._spare = SpareKeys(_unused_keys(connection)[:_MOST_SPARE_KEYS])
        except BaseException:
            self._connection.close()
            raise
        self._size = (int(geometry.width), int(geometry.height))
        self._on_pointer_moved = on_pointer_moved
        self._on_pressed = on_pressed
        self._holders = Holders(self._turn)
        self._unsent_events = 0
        self._lent = set[int]()
        self._line = InLine(self._spare, self._type)
        self._writer = LateWriter(self._connection, self._write)

    def sink(self) -> EvdevSink:
        """For one peer."""
        return EvdevSink(self)

    def close(self) -> None:
        """Gives back the keys that text was typed with, and ends the connection; idempotent."""
        with contextlib.suppress(Unavailable):
            self._line.settle()
            self._give_back_keys()
        self._writer.close()
        self._connection.close()

    def press(self, code: int) -> None:
        """One more peer holds this key or button; the first of them presses it. Tells who hands the keyboard to the
        window that was clicked."""
        self._holders.press(code)
        if code >= FIRST_BUTTON and self._on_pressed is not None:
            self._on_pressed()

    def let_go(self, code: int) -> None:
        """One peer less holds it; with the last it goes up."""
        self._holders.let_go(code)

    def write(self, code_point: int) -> None:
        """One character, whatever the layout."""
        self._read_events()  # another layout that was not read yet would have taken the keys away
        self._line.write(code_point)

    def settle(self) -> None:
        """Nothing waits for text any more."""
        self._line.settle()

    def scroll(self, axis: int, notches: int) -> None:
        """Whole notches of the wheel; each is a click."""
        button = _WHEEL[axis][notches > 0]
        for _ in range(abs(notches)):
            for is_down in (True, False):
                self._inject(_CLICKS[is_down], button)

    def move_to(self, x: int, y: int) -> None:
        """To a place of the desktop, 0 to 65535 across it; tells who draws the pointer."""
        self._read_events()  # a resize that was not read yet would send the pointer to a place of the old picture
        width, height = self._size
        place = (x * (width - 1) + 32_767) // 65_535, (y * (height - 1) + 32_767) // 65_535
        self._move(0, *place)

    def move_by(self, dx: int, dy: int) -> None:
        """By pixels; tells who draws the pointer."""
        self._move(1, dx, dy)

    def _move(self, is_relative: int, x: int, y: int) -> None:
        self._inject(_MOTION, is_relative, x, y)
        if self._on_pointer_moved is not None:
            self._on_pointer_moved()

    def _turn(self, code: int, is_down: bool) -> None:
        if code >= FIRST_BUTTON:
            self._inject(_CLICKS[is_down], _NUMBERS[code])
        else:
            self._inject(_KEYS[is_down], code + _EVDEV_OFFSET)

    def _inject(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        """In its turn."""
        self._line.do(partial(self._fake, kind, detail, x, y))

    def _type(self, batch: Sequence[Lent]) -> None:
        self._require_room(events=3 * len(batch))  # a key that goes down goes up, too
        for code_point, code, is_new in batch:
            if is_new:
                self._lent.add(code)
                self._set_key(code, keysym_of(code_point))
        for _, code, _ in batch:
            for kind in reversed(_KEYS):
                self._fake(kind, code)

    def _set_key(self, code: int, keysym: int) -> None:
        with self._connection.translated("is gone"):
            self._connection.raw.core.ChangeKeyboardMapping(1, code, 2, [keysym, keysym])

    def _give_back_keys(self) -> None:
        lent, self._lent = self._lent, set()
        if lent and self._connection.is_writable():
            for code in lent:
                self._set_key(code, 0)
            with self._connection.translated("is gone"):
                question = self._connection.raw.core.GetInputFocus()
            self._connection.reply(question)  # who hangs up on the server at once was not heard

    def _fake(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        """Hands one event to the display server's socket; raises `Unavailable` when that is gone or does not read."""
        self._read_events()
        self._require_room()
        with self._connection.translated("is gone"):
            self._xtest.FakeInput(kind, detail, 0, self._root, x, y, 0)
        self._unsent_events += 1
        self._writer.send()

    def _require_room(self, *, events: int = 1) -> None:
        if self._unsent_events + events > _MOST_UNSENT_EVENTS:
            raise Unavailable(f"The display server at {self._connection.socket_path} does not take input")

    def _read_events(self) -> None:
        for event in self._connection.events():
            if isinstance(event, xcffib.xproto.MappingNotifyEvent) and not self._is_ours(event):
                self._spare.forget()
            elif isinstance(event, xcffib.xproto.ConfigureNotifyEvent) and event.window == self._root:
                self._size = (max(1, min(event.width, _MOST_PX)), max(1, min(event.height, _MOST_PX)))

    def _is_ours(self, event: xcffib.xproto.MappingNotifyEvent) -> bool:
        return event.count == 1 and event.first_keycode in self._spare

    def _write(self) -> bool:
        if not self._connection.is_writable():
            return False
        self._connection.flush()
        self._unsent_events = 0
        return True


def _unused_keys(connection: XConnection) -> list[int]:
    """Those that no layout's key uses, and that write nothing."""
    with connection.translated("described its keyboard in a way that can't be read"):
        setup = connection.raw.setup
        first, last = max(int(setup.min_keycode), _EVDEV_OFFSET + 1), min(int(setup.max_keycode), 255)
        question = connection.raw.core.GetKeyboardMapping(first, last - first + 1)
    mapping = connection.reply(question)
    width, keysyms = int(mapping.keysyms_per_keycode), [int(keysym) for keysym in mapping.keysyms]
    if not width or len(keysyms) < (last - first + 1) * width:
        return []
    return [
        code
        for code in range(first, last + 1)
        if code - _EVDEV_OFFSET not in KNOWN_KEYS and not any(keysyms[(code - first) * width :][:width])
    ]
