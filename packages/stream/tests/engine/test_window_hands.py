"""From a window's keyboard and pointer to a seat's input: places, steps, wheels, and what the window keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dillinger_contracts.input import KEY_CODES, Button, InputEvent, Key, MoveBy, Wheel
from dillinger_stream.window import hands

CONTROL, SHIFT, ALT, NUM_LOCK = 1 << 2, 1 << 0, 1 << 3, 1 << 4
PX = st.integers(1, 4096)


def code_of(name: str) -> int:
    return KEY_CODES[name] + hands.EVDEV_OFFSET


def test_keys_keep_their_place_and_strange_ones_are_left_out() -> None:
    assert hands.key(code_of("KeyA"), is_down=True) == Key(code=30, is_down=True)
    assert hands.key(255, is_down=True) is None


@pytest.mark.parametrize(
    ("name", "state", "kept"),
    [
        ("KeyG", CONTROL | ALT, hands.Hotkey.GRAB),
        ("KeyG", CONTROL | ALT | NUM_LOCK, hands.Hotkey.GRAB),
        ("KeyF", CONTROL | ALT, hands.Hotkey.FULL_SCREEN),
        ("KeyM", CONTROL | ALT, hands.Hotkey.HOLD),
        ("KeyG", CONTROL | SHIFT, None),
        ("KeyA", CONTROL | ALT, None),
    ],
)
def test_three_combinations_are_the_window_s_own(name: str, state: int, kept: hands.Hotkey | None) -> None:
    assert hands.hotkey(code_of(name), state) is kept


@pytest.mark.parametrize(
    ("number", "is_down", "event"),
    [
        (1, True, Button(button=1, is_down=True)),
        (9, False, Button(button=9, is_down=False)),
        (4, True, Wheel(dx=0, dy=-120)),
        (7, True, Wheel(dx=120, dy=0)),
        (4, False, None),
        (10, True, None),
    ],
)
def test_a_wheel_is_no_button(number: int, is_down: bool, event: InputEvent | None) -> None:
    assert hands.button(number, is_down=is_down) == event


@given(
    window=st.tuples(PX, PX), picture=st.tuples(PX, PX), at=st.tuples(st.integers(-50, 4200), st.integers(-50, 4200))
)
def test_every_pixel_of_the_picture_is_pointed_at_exactly(
    window: tuple[int, int], picture: tuple[int, int], at: tuple[int, int]
) -> None:
    """By how a display turns the place back into a pixel; beside the picture, its nearest pixel."""
    placement = hands.Placement(window, picture)
    move = placement.move(*at)
    for place, corner, length, there in zip((move.x, move.y), placement.corner_px, picture, at, strict=True):
        assert (place * (length - 1) + 32_767) // 65_535 == min(max(there - corner, 0), length - 1)


def test_a_held_pointer_moves_by_steps_and_its_way_back_is_none() -> None:
    pointer = hands.HeldPointer((400, 300))
    assert not pointer.is_away
    assert pointer.step(410, 295) == MoveBy(dx=10, dy=-5)
    assert pointer.step(415, 295) == MoveBy(dx=5, dy=0)
    assert pointer.is_away
    assert pointer.step(400, 300) is None and not pointer.is_away
    assert pointer.step(399, 300) == MoveBy(dx=-1, dy=0)
