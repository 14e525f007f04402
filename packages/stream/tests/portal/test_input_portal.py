"""What a portal is told of a peer's hands."""

from __future__ import annotations

import pytest

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import Button, Key, Move, MoveBy, ReleaseAll, Text, Wheel
from dillinger_stream.input.portal import KEYBOARD, POINTER, PortalInput

BOTH = KEYBOARD | POINTER
KEY_A, BTN_RIGHT = 30, 0x111
Told = list[tuple[object, ...]]


def made(devices: int = BOTH, extent: tuple[float, float] = (1280.0, 720.0)) -> tuple[PortalInput, Told]:
    told: Told = []

    def notify(what: str, signature: str, *arguments: int | float) -> None:
        assert len(signature) == len(arguments)
        told.append((what, *arguments))

    def place(x: float, y: float) -> tuple[int, float, float]:
        return 7, x * (extent[0] - 1), y * (extent[1] - 1)

    return PortalInput(notify, devices=devices, place=place), told


def test_hands_are_told_as_they_move() -> None:
    desk, told = made()
    sink = desk.sink()
    for event in (
        Move(x=0, y=65_535), MoveBy(dx=-3, dy=4), Button(button=3, is_down=True), Button(button=3, is_down=False),
        Wheel(dx=0, dy=-240), Wheel(dx=30, dy=0), Key(code=KEY_A, is_down=True), Key(code=KEY_A, is_down=True),
    ):  # fmt: skip
        sink.handle(event)
    assert told == [
        ("PointerMotionAbsolute", 7, 0.0, 719.0), ("PointerMotion", -3.0, 4.0), ("PointerButton", BTN_RIGHT, 1),
        ("PointerButton", BTN_RIGHT, 0), ("PointerAxisDiscrete", 0, -2), ("PointerAxis", 3.75, 0.0),
        ("KeyboardKeycode", KEY_A, 1),
    ]  # fmt: skip


def test_two_hold_a_key_and_the_last_lets_it_go() -> None:
    desk, told = made()
    one, other = desk.sink(), desk.sink()
    for sink in (one, other):
        sink.handle(Key(code=KEY_A, is_down=True))
    one.handle(ReleaseAll())
    assert told == [("KeyboardKeycode", KEY_A, 1)]
    other.close()
    assert told[1:] == [("KeyboardKeycode", KEY_A, 0)]


def test_nothing_stays_held_at_the_end() -> None:
    desk, told = made()
    desk.sink().handle(Key(code=KEY_A, is_down=True))
    desk.sink().handle(Button(button=1, is_down=True))
    desk.close()
    desk.close()
    assert told[2:] == [("KeyboardKeycode", KEY_A, 0), ("PointerButton", 0x110, 0)]


@pytest.mark.parametrize(("granted", "kinds"), [(KEYBOARD, {"KeyboardKeycode"}), (POINTER, {"PointerMotion"})])
def test_what_was_not_granted_is_not_told(granted: int, kinds: set[str]) -> None:
    desk, told = made(granted)
    desk.sink().handle(Key(code=KEY_A, is_down=True))
    desk.sink().handle(MoveBy(dx=1, dy=1))
    assert {what for what, *_ in told} == kinds


def test_a_prank_with_the_wheel_is_cut() -> None:
    desk, told = made()
    desk.sink().handle(Wheel(dx=0, dy=120 * 30_000))
    desk.sink().handle(Wheel(dx=0, dy=32_767))
    assert told == [("PointerAxisDiscrete", 0, 16), ("PointerAxis", 0.0, 240.0)]


def test_a_desktop_that_is_gone_is_told() -> None:
    def notify(what: str, signature: str, *arguments: int | float) -> None:
        raise Unavailable("gone")

    desk = PortalInput(notify, devices=BOTH, place=lambda x, y: (7, x, y))
    with pytest.raises(Unavailable):
        desk.sink().handle(Move(x=1, y=1))


def test_a_character_is_a_key_symbol_that_goes_down_and_up() -> None:
    desk, told = made()
    for character in "ä😀":
        desk.sink().handle(Text(code_point=ord(character)))
    assert told == [("KeyboardKeysym", symbol, state) for symbol in (0xE4, 0x101F600) for state in (1, 0)]
    desk, told = made(devices=POINTER)
    desk.sink().handle(Text(code_point=ord("ä")))
    assert told == []
