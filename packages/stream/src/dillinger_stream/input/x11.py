"""Input into an X11 desktop by XTEST. Lives on the loop.

All peers share one connection and each has a sink of its own with what it holds down. Nothing here waits for the
server: a request is written only when the socket has room, and a server that does not read for long is
`Unavailable`. The server repeats held keys by itself, so a key that is down already is not pressed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import xcffib.xproto
import xcffib.xtest

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import Button, InputEvent, Key, Move, MoveBy, ReleaseAll, Wheel
from dillinger_stream.capture.xconnection import XConnection

from .late_writer import LateWriter

_EVDEV_OFFSET = 8
_NOTCH = 120
_UP, _DOWN, _LEFT, _RIGHT = 4, 5, 6, 7
_MOST_NOTCHES = 16
"""A wheel event of more is a prank; each notch is two requests."""
_MOST_PX = 32_767
_MOST_UNSENT_EVENTS = 300
"""They wait in libxcb's buffer of 16 KiB, which it would empty by itself, waiting, when it is full."""


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
        except BaseException:
            self._connection.close()
            raise
        self._size = (int(geometry.width), int(geometry.height))
        self._on_pointer_moved = on_pointer_moved
        self._on_pressed = on_pressed
        self._holders: Counter[tuple[int, int]] = Counter()
        self._unsent_events = 0
        self._writer = LateWriter(self._connection, self._write)

    def sink(self) -> XTestSink:
        """For one peer."""
        return XTestSink(self)

    def close(self) -> None:
        """Ends the connection; idempotent."""
        self._writer.close()
        self._connection.close()

    def press(self, kind: int, detail: int) -> None:
        """One more peer holds this key or button; the first of them presses it."""
        if not self._holders[kind, detail]:
            self.inject(kind, detail)
        self._holders[kind, detail] += 1

    def let_go(self, kind: int, detail: int) -> None:
        """One peer less holds it; with the last it goes up."""
        self._holders[kind, detail] -= 1
        if self._holders[kind, detail] <= 0:
            del self._holders[kind, detail]
            self.inject(kind + 1, detail)

    def click(self, button: int) -> None:
        """Down and up at once."""
        self.inject(xcffib.xproto.ButtonPressEvent.event_number, button)
        self.inject(xcffib.xproto.ButtonReleaseEvent.event_number, button)

    def move_to(self, x: int, y: int) -> None:
        """To a place of the desktop, 0 to 65535 across it."""
        self._read_events()  # a resize that was not read yet would send the pointer to a place of the old picture
        width, height = self._size
        place = (x * (width - 1) + 32_767) // 65_535, (y * (height - 1) + 32_767) // 65_535
        self.inject(xcffib.xproto.MotionNotifyEvent.event_number, 0, *place)

    def move_by(self, dx: int, dy: int) -> None:
        """By pixels."""
        self.inject(xcffib.xproto.MotionNotifyEvent.event_number, 1, dx, dy)

    def pointer_moved(self) -> None:
        """Tells who draws the pointer."""
        if self._on_pointer_moved is not None:
            self._on_pointer_moved()

    def button_pressed(self) -> None:
        """Tells who hands the keyboard to the window that was clicked."""
        if self._on_pressed is not None:
            self._on_pressed()

    def inject(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        """Hands one event to the display server's socket; raises `Unavailable` when that is gone or does not read."""
        connection = self._connection
        self._read_events()
        if self._unsent_events >= _MOST_UNSENT_EVENTS:
            raise Unavailable(f"The display server at {connection.socket_path} does not take input")
        with connection.translated("is gone"):
            self._xtest.FakeInput(kind, detail, 0, self._root, x, y, 0)
        self._unsent_events += 1
        self._writer.send()

    def _read_events(self) -> None:
        for event in self._connection.events():
            if isinstance(event, xcffib.xproto.ConfigureNotifyEvent) and event.window == self._root:
                self._size = (max(1, min(event.width, _MOST_PX)), max(1, min(event.height, _MOST_PX)))

    def _write(self) -> bool:
        if not self._connection.is_writable():
            return False
        self._connection.flush()
        self._unsent_events = 0
        return True


class XTestSink:
    """One peer's hands."""

    def __init__(self, display: XTestInput) -> None:
        self._display = display
        self._held: set[tuple[int, int]] = set()
        self._wheel_x = 0
        self._wheel_y = 0

    def handle(self, event: InputEvent) -> None:
        """Injects `event`; raises `Unavailable` when the display is gone."""
        match event:
            case Key():
                self._hold(xcffib.xproto.KeyPressEvent.event_number, event.code + _EVDEV_OFFSET, event.is_down)
            case Button():
                self._hold(xcffib.xproto.ButtonPressEvent.event_number, event.button, event.is_down)
                if event.is_down:
                    self._display.button_pressed()
            case Move():
                self._display.move_to(event.x, event.y)
                self._display.pointer_moved()
            case MoveBy():
                self._display.move_by(event.dx, event.dy)
                self._display.pointer_moved()
            case Wheel():
                self._wheel_x = self._turn(self._wheel_x + event.dx, _LEFT, _RIGHT)
                self._wheel_y = self._turn(self._wheel_y + event.dy, _UP, _DOWN)
            case ReleaseAll():
                self.release_all()
            case _:
                pass  # `shown` is for the transport

    def release_all(self) -> None:
        """Lets go of every key and button that this peer holds; idempotent."""
        held, self._held = self._held, set()
        self._wheel_x = self._wheel_y = 0
        for kind, detail in held:
            self._display.let_go(kind, detail)

    def close(self) -> None:
        """Nothing but the keys was this peer's own."""
        self.release_all()

    def _hold(self, kind: int, detail: int, is_down: bool) -> None:
        if is_down and (kind, detail) not in self._held:
            self._display.press(kind, detail)
            self._held.add((kind, detail))
        elif not is_down and (kind, detail) in self._held:
            self._held.discard((kind, detail))
            self._display.let_go(kind, detail)

    def _turn(self, travel: int, back: int, forth: int) -> int:
        """Clicks for each whole notch of `travel`; the rest waits for more."""
        notches = int(travel / _NOTCH)
        for _ in range(min(abs(notches), _MOST_NOTCHES)):
            self._display.click(forth if notches > 0 else back)
        return travel - notches * _NOTCH
