"""Who gets the keyboard: the rule, and what a real Xvfb makes of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import xcffib.xproto

from dillinger_stream.capture.display import Display
from dillinger_stream.capture.focus import choose
from dillinger_stream.capture.windows import Window, largest

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter, XServer


@pytest.fixture
def display(xvfb: XServer) -> Iterator[Display]:
    control = Display(xvfb.socket_path)
    yield control
    control.close()


def window(
    number: int,
    *,
    width_px: int = 100,
    is_unmanaged: bool = False,
    is_dialog: bool = False,
    takes_keyboard: bool = True,
) -> Window:
    return Window(
        window_id=number,
        x=0,
        y=0,
        width_px=width_px,
        height_px=100,
        title="",
        is_fixed_size=False,
        is_unmanaged=is_unmanaged,
        is_dialog=is_dialog,
        takes_keyboard=takes_keyboard,
    )


GAME, DIALOG, SECOND = window(10, width_px=640), window(11), window(12)
MENU, MUTE = window(13, is_unmanaged=True), window(14, takes_keyboard=False)


@pytest.mark.parametrize(
    ("windows", "known", "holders", "is_with_somebody", "chosen"),
    [
        ([], set(), [], False, None),
        ([GAME], set(), [], False, 10),
        ([GAME, DIALOG], {10}, [10], True, 11),
        ([GAME, DIALOG, SECOND], {10}, [10], True, 12),
        ([GAME], {10, 11}, [10, 11], False, 10),
        ([GAME], {10, 11}, [10, 11], True, 10),
        ([SECOND, GAME], {10, 11, 12}, [12, 10, 11], False, 10),
        ([GAME, DIALOG], {10, 11}, [11, 10], True, None),
        ([GAME, DIALOG], {10, 11}, [11, 10], False, 10),
        ([GAME, MENU], {10}, [10], True, None),
        ([GAME, MUTE], {10}, [10], True, None),
        ([MENU], set(), [], False, 13),
        ([MENU, GAME], {13}, [13], True, 10),
    ],
)
def test_rule(
    windows: list[Window], known: set[int], holders: list[int], is_with_somebody: bool, chosen: int | None
) -> None:
    assert choose(windows, known=known, holders=holders, is_with_somebody=is_with_somebody) == chosen


def test_a_dialog_is_the_main_window_only_alone() -> None:
    large = window(2, width_px=900, is_dialog=True)
    assert largest([GAME, large]) == GAME
    assert largest([large]) == large


def focus_of(painter: Painter, display: Display) -> int:
    display.windows()  # the server has done what it was asked before, and only then hears the painter
    return int(painter.core.GetInputFocus().reply().focus)


def open_dialog(painter: Painter, owner: int) -> int:
    dialog = painter.open_window(200, 200, 300, 200, is_mapped=False)
    atoms = xcffib.xproto.Atom
    mode = xcffib.xproto.PropMode.Replace
    painter.core.ChangeProperty(mode, dialog, atoms.WM_TRANSIENT_FOR, atoms.WINDOW, 32, 1, struct.pack("=I", owner))
    painter.core.MapWindow(dialog)
    painter.sync()
    return dialog


def test_a_dialog_gets_the_keyboard_and_gives_it_back(display: Display, painter: Painter) -> None:
    display.give_keyboard()
    assert focus_of(painter, display) == painter.window
    dialog = open_dialog(painter, painter.window)
    display.give_keyboard()
    assert focus_of(painter, display) == dialog
    main = display.main_window()
    assert main is not None and main.window_id == painter.window
    painter.core.UnmapWindow(dialog)
    painter.sync()
    display.give_keyboard()
    assert focus_of(painter, display) == painter.window


def test_a_menu_and_a_window_without_wish_for_keys_leave_the_keyboard(display: Display, painter: Painter) -> None:
    display.give_keyboard()
    attributes = xcffib.xproto.CW
    menu = painter.open_window(10, 10, 100, 100, is_mapped=False)
    painter.core.ChangeWindowAttributes(menu, attributes.OverrideRedirect, [1])
    painter.core.MapWindow(menu)
    mute = painter.open_window(300, 10, 100, 100, is_mapped=False)
    atoms = xcffib.xproto.Atom
    painter.core.ChangeProperty(
        xcffib.xproto.PropMode.Replace, mute, atoms.WM_HINTS, atoms.WM_HINTS, 32, 9, struct.pack("=9I", 1, *([0] * 8))
    )
    painter.core.MapWindow(mute)
    painter.sync()
    display.give_keyboard()
    assert focus_of(painter, display) == painter.window
    for place in ((50, 50), (350, 50)):
        painter.warp(*place)
        display.give_keyboard_to_clicked()
        assert focus_of(painter, display) == painter.window


def test_a_click_brings_the_keyboard(display: Display, painter: Painter) -> None:
    dialog = open_dialog(painter, painter.window)
    display.give_keyboard()
    painter.warp(10, 10)
    display.give_keyboard_to_clicked()
    assert focus_of(painter, display) == painter.window
    painter.warp(250, 250)
    display.give_keyboard_to_clicked()
    assert focus_of(painter, display) == dialog


def test_a_program_keeps_its_own_way_between_its_windows(display: Display, painter: Painter) -> None:
    """A toolkit gives the keyboard to a window within its own; neither a click nor a change takes it away."""
    display.give_keyboard()
    assert focus_of(painter, display) == painter.window
    screen = painter.connection.get_setup().roots[0]
    entry = painter.connection.generate_id()
    painter.core.CreateWindow(
        screen.root_depth, entry, painter.window, 5, 5, 50, 50, 0,
        xcffib.xproto.WindowClass.InputOutput, screen.root_visual, 0, [],
    )  # fmt: skip
    painter.core.MapWindow(entry)
    painter.core.SetInputFocus(xcffib.xproto.InputFocus.Parent, entry, 0)
    painter.sync()
    painter.warp(10, 10)
    display.give_keyboard_to_clicked()
    display.give_keyboard()
    assert focus_of(painter, display) == entry
