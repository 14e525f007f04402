"""What desktops have in common, whose keys and buttons have the kernel's numbers here: several peers share one keyboard
and one pointer, and each has a sink of its own with what it holds down. Lives on the loop.

How it reaches the desktop is the business of `x11.py`, `wayland.py` and `portal.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from dillinger_contracts.input import Button, InputEvent, Key, Move, MoveBy, ReleaseAll, Text, Wheel

NOTCH = 120
NOTCH_TRAVEL = 15.0
"""What a notch of a mouse's wheel is in a compositor's units."""
VERTICAL, HORIZONTAL = 0, 1
FIRST_BUTTON = 0x110
"""Keys have numbers below, which makes one number enough for both."""
BUTTONS = {1: 0x110, 2: 0x112, 3: 0x111, 8: 0x113, 9: 0x114}
"""X11's numbers → BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, BTN_SIDE, BTN_EXTRA of linux/input-event-codes.h."""
_MOST_NOTCHES = 16
"""A wheel event of more is a prank."""


class EvdevDesk(Protocol):
    """A desktop's keyboard and pointer."""

    def press(self, code: int) -> None:
        """One more peer holds this key or button."""
        ...

    def let_go(self, code: int) -> None:
        """One peer less holds it."""
        ...

    def scroll(self, axis: int, notches: int) -> None:
        """Whole notches of the wheel."""
        ...

    def move_to(self, x: int, y: int) -> None:
        """To a place of the desktop, 0 to 65535 across it."""
        ...

    def move_by(self, dx: int, dy: int) -> None:
        """By pixels."""
        ...

    def write(self, code_point: int) -> None:
        """One character, whatever the layout; nothing is held afterwards."""
        ...

    def settle(self) -> None:
        """Text that is still to be written delays what comes next no longer."""
        ...


class Holders:
    """How many peers hold each key and button down; the first of them presses it, the last lets it go."""

    def __init__(self, turn: Callable[[int, bool], None]) -> None:
        """`turn` is told of a number that goes down (True) or up."""
        self._turn = turn
        self._peers: Counter[int] = Counter()

    @property
    def held(self) -> tuple[int, ...]:
        """What is down."""
        return tuple(self._peers)

    def press(self, code: int) -> None:
        """One more peer holds it."""
        if not self._peers[code]:
            self._turn(code, True)
        self._peers[code] += 1

    def let_go(self, code: int) -> None:
        """One peer less holds it."""
        self._peers[code] -= 1
        if self._peers[code] <= 0:
            del self._peers[code]
            self._turn(code, False)


class EvdevSink:
    """One peer's hands."""

    def __init__(self, desk: EvdevDesk) -> None:
        self._desk = desk
        self._held: set[int] = set()
        self._wheel = {HORIZONTAL: 0, VERTICAL: 0}

    def handle(self, event: InputEvent) -> None:
        """Injects `event`; raises `Unavailable` when the desktop is gone."""
        match event:
            case Key():
                self._hold(event.code, event.is_down)
            case Button():
                self._hold(BUTTONS[event.button], event.is_down)
            case Move():
                self._desk.move_to(event.x, event.y)
            case MoveBy():
                self._desk.move_by(event.dx, event.dy)
            case Wheel():
                self._roll(HORIZONTAL, event.dx)
                self._roll(VERTICAL, event.dy)
            case Text():
                self._desk.write(event.code_point)
            case ReleaseAll():
                self.release_all()
            case _:
                pass  # `shown` is for the transport

    def release_all(self) -> None:
        """Lets go of every key and button that this peer holds; idempotent."""
        held, self._held = self._held, set()
        self._wheel = dict.fromkeys(self._wheel, 0)
        for code in held:
            self._desk.let_go(code)
        self._desk.settle()

    def close(self) -> None:
        """Nothing but the keys was this peer's own."""
        self.release_all()

    def _hold(self, code: int, is_down: bool) -> None:
        if is_down and code not in self._held:
            self._desk.press(code)
            self._held.add(code)
        elif not is_down and code in self._held:
            self._held.discard(code)
            self._desk.let_go(code)

    def _roll(self, axis: int, travel: int) -> None:
        """Each whole notch of what has come together; the rest waits for more."""
        travel += self._wheel[axis]
        notches = int(travel / NOTCH)
        self._wheel[axis] = travel - notches * NOTCH
        if notches:
            self._desk.scroll(axis, max(-_MOST_NOTCHES, min(notches, _MOST_NOTCHES)))
