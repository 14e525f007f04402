"""Input into a desktop by its portal's RemoteDesktop interface: what is to be told, not how it gets there.

The desktop's own keyboard layout is in force: keys go as the kernel's numbers. Places are told in the coordinates of
the stream, which need not be the picture's pixels. A device that the desktop's owner did not grant gets nothing. Lives
on the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .evdev import FIRST_BUTTON, HORIZONTAL, NOTCH, NOTCH_TRAVEL, EvdevSink, Holders
from .spare_keys import keysym_of

KEYBOARD, POINTER = 1, 2
"""Device types of org.freedesktop.portal.RemoteDesktop."""
_MOST_TRAVEL = 16 * NOTCH


class Notify(Protocol):
    """Calls the method Notify… of the session; raises `Unavailable` when nobody takes them any more."""

    def __call__(self, what: str, signature: str, *arguments: int | float) -> None: ...


class PortalInput:
    """The desktop's keyboard and pointer, shared by all peers."""

    def __init__(
        self, notify: Notify, *, devices: int, place: Callable[[float, float], tuple[int, float, float]]
    ) -> None:
        """`devices` are those granted. `place` makes of a place of the picture, 0 to 1 across it, the stream there and
        a place of that."""
        self._notify = notify
        self._devices = devices
        self._place = place
        self._holders = Holders(self._turn)

    def sink(self) -> PortalSink:
        """For one peer."""
        return PortalSink(self)

    def close(self) -> None:
        """Lets go of whatever is still held; idempotent."""
        for code in self._holders.held:
            self._turn(code, False)
        self._holders = Holders(self._turn)

    def press(self, code: int) -> None:
        """One more peer holds this key or button; the first of them presses it."""
        self._holders.press(code)

    def let_go(self, code: int) -> None:
        """One peer less holds it; with the last it goes up."""
        self._holders.let_go(code)

    def scroll(self, axis: int, notches: int) -> None:
        """Whole notches of the wheel."""
        self._point("PointerAxisDiscrete", "ui", axis, notches)

    def glide(self, axis: int, travel: int) -> None:
        """Less than a notch, or between two: as touchpads do; 120 are a notch."""
        way = max(-_MOST_TRAVEL, min(travel, _MOST_TRAVEL)) * NOTCH_TRAVEL / NOTCH
        self._point("PointerAxis", "dd", *((way, 0.0) if axis == HORIZONTAL else (0.0, way)))

    def move_to(self, x: int, y: int) -> None:
        """To a place of the desktop, 0 to 65535 across it."""
        self._point("PointerMotionAbsolute", "udd", *self._place(x / 65_535, y / 65_535))

    def move_by(self, dx: int, dy: int) -> None:
        """By pixels."""
        self._point("PointerMotion", "dd", float(dx), float(dy))

    def write(self, code_point: int) -> None:
        """One character, for which the desktop finds a key."""
        if self._devices & KEYBOARD:
            for is_down in (1, 0):
                self._notify("KeyboardKeysym", "iu", keysym_of(code_point), is_down)

    def settle(self) -> None:
        """Nothing ever waits here."""

    def _turn(self, code: int, is_down: bool) -> None:
        if code >= FIRST_BUTTON:
            self._point("PointerButton", "iu", code, int(is_down))
        elif self._devices & KEYBOARD:
            self._notify("KeyboardKeycode", "iu", code, int(is_down))

    def _point(self, what: str, signature: str, *arguments: int | float) -> None:
        if self._devices & POINTER:
            self._notify(what, signature, *arguments)


class PortalSink(EvdevSink):
    """One peer's hands; its wheel also turns by less than a notch."""

    def __init__(self, desk: PortalInput) -> None:
        super().__init__(desk)
        self._portal = desk

    def _roll(self, axis: int, travel: int) -> None:
        if travel % NOTCH == 0:
            super()._roll(axis, travel)
        else:
            self._portal.glide(axis, travel)
