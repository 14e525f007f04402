"""From what a window of X11 is told of keyboard and pointer to the input that a seat takes. Pure.

Key codes of X servers that drive a keyboard are evdev's plus eight. Three combinations are the window's own and
reach no game: Ctrl+Alt+G gives keyboard and pointer back to the desktop and takes them again, Ctrl+Alt+M holds the
pointer for a game that does not say that it wants it, Ctrl+Alt+F is full screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dillinger_contracts.input import KEY_CODES, KNOWN_BUTTONS, KNOWN_KEYS, Button, InputEvent, Key, Move, MoveBy, Wheel

EVDEV_OFFSET = 8
_CONTROL, _ALT = 1 << 2, 1 << 3
_NOTCH = 120
_WHEEL = {4: (0, -_NOTCH), 5: (0, _NOTCH), 6: (-_NOTCH, 0), 7: (_NOTCH, 0)}
_LAST_PLACE = 65_535


class Hotkey(StrEnum):
    """What the window keeps for itself."""

    GRAB = "grab"
    HOLD = "hold"
    FULL_SCREEN = "full_screen"


_HOTKEYS = {
    KEY_CODES["KeyG"]: Hotkey.GRAB,
    KEY_CODES["KeyM"]: Hotkey.HOLD,
    KEY_CODES["KeyF"]: Hotkey.FULL_SCREEN,
}


def hotkey(keycode: int, state: int) -> Hotkey | None:
    """The combination that a key press completes; `state` is the event's, from before it."""
    if state & _CONTROL and state & _ALT:
        return _HOTKEYS.get(keycode - EVDEV_OFFSET)
    return None


def key(keycode: int, *, is_down: bool) -> InputEvent | None:
    """None for a key that no seat knows."""
    code = keycode - EVDEV_OFFSET
    return Key(code=code, is_down=is_down) if code in KNOWN_KEYS else None


def button(number: int, *, is_down: bool) -> InputEvent | None:
    """A button, or a notch of the wheel, which X11 tells as buttons."""
    if number in _WHEEL:
        dx, dy = _WHEEL[number]
        return Wheel(dx=dx, dy=dy) if is_down else None
    return Button(button=number, is_down=is_down) if number in KNOWN_BUTTONS else None


def step(dx_px: int, dy_px: int) -> MoveBy | None:
    """A step of a held pointer; None where it is none."""
    return MoveBy(dx=dx_px, dy=dy_px) if dx_px or dy_px else None


@dataclass(frozen=True, slots=True)
class Placement:
    """A picture in the middle of a window, pixel by pixel; what is larger than the window is cut off on all sides."""

    window_px: tuple[int, int]
    picture_px: tuple[int, int]

    @property
    def corner_px(self) -> tuple[int, int]:
        """Where the picture's upper left pixel is in the window."""
        (window_width, window_height), (width, height) = self.window_px, self.picture_px
        return (window_width - width) // 2, (window_height - height) // 2

    def move(self, x_px: int, y_px: int) -> Move:
        """The pointer's place in the window, as a place of the picture; beside it, the nearest."""
        left, top = self.corner_px
        width, height = self.picture_px
        return Move(x=_place(x_px - left, width), y=_place(y_px - top, height))


def _place(at_px: int, length_px: int) -> int:
    last_px = max(1, length_px - 1)
    return round(min(max(at_px, 0), last_px) * _LAST_PLACE / last_px)


class HeldPointer:
    """A pointer that is set back to the window's middle again and again, so that it never meets an edge."""

    def __init__(self, middle_px: tuple[int, int]) -> None:
        self.middle_px = middle_px
        self._last_px = middle_px

    def step(self, x_px: int, y_px: int) -> MoveBy | None:
        """How far it went; None where this is how it was set back."""
        last_x, last_y = self._last_px
        self._last_px = (x_px, y_px)
        if (x_px, y_px) == self.middle_px or (x_px, y_px) == (last_x, last_y):
            return None
        return MoveBy(dx=x_px - last_x, dy=y_px - last_y)

    @property
    def is_away(self) -> bool:
        """Whether it is to be set back."""
        return self._last_px != self.middle_px
