"""The desktop's size, pointer and windows, on a real Xvfb."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import xcffib.xproto
from packages.stream.tests.engine.conftest import WAIT_S, catch_up

from dillinger_contracts.input import Button
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.display import Display
from dillinger_stream.capture.windows import Window, is_fixed_size
from dillinger_stream.input.x11 import XTestInput

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter, XServer


@pytest.fixture
def display(xvfb: XServer) -> Iterator[Display]:
    control = Display(xvfb.socket_path)
    yield control
    control.close()


def hints(flags: int, smallest: tuple[int, int], largest: tuple[int, int]) -> bytes:
    return struct.pack("=18I", flags, 0, 0, 0, 0, *smallest, *largest, *([0] * 9))


def test_sizes_are_even_and_within_the_servers_limits(display: Display) -> None:
    assert display.size() == (640, 480)
    assert display.resize(401, 301) == (400, 300)
    assert display.size() == (400, 300)
    assert display.resize(300, 480) == (300, 480)
    assert display.resize(9000, 9000) == (640, 480)
    assert display.resize(1, 1) == (160, 120)


def test_a_hundred_sizes_leave_no_heap_of_modes(display: Display) -> None:
    before = len(modes(display))
    for step in range(100):
        assert display.resize(160 + 2 * step, 160 + 2 * step) == (160 + 2 * step,) * 2
    assert len(modes(display)) <= before + 1


def test_a_game_finds_the_sizes_that_screens_have_and_they_stay(display: Display) -> None:
    display.offer_modes()
    for _ in range(2):
        offered = {(mode.width, mode.height) for mode in modes(display)}  # type: ignore[attr-defined]
        assert {(320, 240), (640, 400), (640, 480)} <= offered and (800, 600) not in offered, (
            "the server ends at 640x480"
        )
        display.resize(500, 300)
        display.resize(400, 300)


def test_the_wished_size_comes_back_when_a_window_of_one_size_is_gone(display: Display, bare_painter: Painter) -> None:
    small, atoms = bare_painter.open_window(0, 0, 320, 200), xcffib.xproto.Atom
    said = hints(16 | 32, (320, 200), (320, 200))
    bare_painter.core.ChangeProperty(
        xcffib.xproto.PropMode.Replace, small, atoms.WM_NORMAL_HINTS, atoms.WM_SIZE_HINTS, 32, 18, said
    )
    bare_painter.sync()
    assert display.fit(main(display), wished=(640, 480)) == (320, 200) == display.size()
    bare_painter.core.DestroyWindow(small)
    bare_painter.open_window(0, 0, 200, 100)
    assert display.fit(main(display), wished=(640, 480)) == (640, 480) == display.size()
    window = main(display)
    assert (window.width_px, window.height_px) == (640, 480)


def test_a_size_that_a_game_has_set_stays_while_its_window_fills_it(
    display: Display, xvfb: XServer, bare_painter: Painter
) -> None:
    game = Display(xvfb.socket_path)  # as a client of its own changes it
    try:
        game.resize(400, 300)
    finally:
        game.close()
    full = bare_painter.open_window(0, 0, 400, 300)
    assert display.fit(main(display), wished=(640, 480)) == (400, 300) == display.size()
    bare_painter.core.DestroyWindow(full)
    bare_painter.open_window(0, 0, 200, 100)
    assert display.fit(main(display), wished=(640, 480)) == (640, 480)


def main(display: Display) -> Window:
    window = display.main_window()
    assert window is not None
    return window


def modes(display: Display) -> list[object]:
    connection = display._connection
    return list(connection.reply(display._resizer._randr.GetScreenResources(display._root)).modes)


async def test_the_first_window_is_noticed(display: Display, bare_painter: Painter) -> None:
    waiting = asyncio.create_task(display.first_window(timeout_s=WAIT_S))
    await asyncio.sleep(0)
    bare_painter.open_window(0, 0, 10, 10)
    bare_painter.open_window(5, 6, 320, 200, is_mapped=False)
    window_id = bare_painter.open_window(7, 8, 320, 240)
    window = await waiting
    assert (window.window_id, window.x, window.y) == (window_id, 7, 8)
    assert (window.width_px, window.height_px, window.is_fixed_size) == (320, 240, False)


async def test_no_window_in_time(display: Display) -> None:
    with pytest.raises(TimeoutError):
        await display.first_window(timeout_s=0.2)


async def test_the_server_dies_while_a_window_is_awaited(display: Display, xvfb: XServer) -> None:
    waiting = asyncio.create_task(display.first_window(timeout_s=WAIT_S))
    await asyncio.sleep(0)
    xvfb.kill()
    with pytest.raises(CaptureError):
        await waiting


async def test_changes_are_told_once(display: Display, bare_painter: Painter) -> None:
    window_id = bare_painter.open_window(0, 0, 100, 100)
    catch_up(display._connection)
    await asyncio.wait_for(display.changed(), WAIT_S)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(display.changed(), 0.2)
    bare_painter.core.UnmapWindow(window_id)
    bare_painter.sync()
    await asyncio.wait_for(display.changed(), WAIT_S)
    assert display.windows() == []


def test_a_resizable_window_takes_the_desktops_size(display: Display, bare_painter: Painter) -> None:
    window_id = bare_painter.open_window(50, 60, 100, 100)
    window = display.main_window()
    assert window is not None
    assert display.fit(window) == (640, 480)
    fitted = display.main_window()
    assert fitted is not None
    assert fitted.window_id == window_id
    assert (fitted.x, fitted.y, fitted.width_px, fitted.height_px) == (0, 0, 640, 480)


def test_the_desktop_takes_the_size_of_a_fixed_window(display: Display, bare_painter: Painter) -> None:
    window_id = bare_painter.open_window(50, 60, 320, 200, is_mapped=False)
    said = hints(16 | 32, (320, 200), (320, 200))
    atoms = xcffib.xproto.Atom
    bare_painter.core.ChangeProperty(
        xcffib.xproto.PropMode.Replace, window_id, atoms.WM_NORMAL_HINTS, atoms.WM_SIZE_HINTS, 32, 18, said
    )
    bare_painter.core.ChangeProperty(
        xcffib.xproto.PropMode.Replace, window_id, atoms.WM_NAME, atoms.STRING, 8, 4, b"doom"
    )
    bare_painter.core.MapWindow(window_id)
    bare_painter.sync()
    window = display.main_window()
    assert window is not None
    assert (window.is_fixed_size, window.title) == (True, "doom")
    assert display.fit(window) == (320, 200) == display.size()
    fitted = display.main_window()
    assert fitted is not None
    assert (fitted.x, fitted.y) == (0, 0)


async def test_a_window_that_says_late_that_its_size_is_fixed_is_noticed(
    display: Display, bare_painter: Painter
) -> None:
    window_id = bare_painter.open_window(0, 0, 320, 200)
    await asyncio.wait_for(display.changed(), WAIT_S)
    [window] = display.windows()
    assert not window.is_fixed_size
    said, atoms = hints(16 | 32, (320, 200), (320, 200)), xcffib.xproto.Atom
    bare_painter.core.ChangeProperty(
        xcffib.xproto.PropMode.Replace, window_id, atoms.WM_NORMAL_HINTS, atoms.WM_SIZE_HINTS, 32, 18, said
    )
    bare_painter.sync()
    await asyncio.wait_for(display.changed(), WAIT_S)
    [window] = display.windows()
    assert window.is_fixed_size


def test_the_desktop_takes_the_size_of_a_window_that_keeps_its_own(display: Display, bare_painter: Painter) -> None:
    window_id = bare_painter.open_window(0, 0, 320, 240)
    window = display.main_window()
    assert window is not None
    assert display.fit(window) == (640, 480)
    window = display.main_window()
    assert window is not None and (window.width_px, window.height_px) == (640, 480), "asked before the game answers"
    bare_painter.core.ConfigureWindow(window_id, 4 | 8, [600, 400])  # the game snaps back to its proportions
    bare_painter.sync()
    for _ in range(2):
        window = display.main_window()
        assert window is not None
        assert display.fit(window) == (600, 400) == display.size()
    display.resize(640, 480)
    assert display.fit(window) == (640, 480), "after another wish the window is asked again"


def test_a_window_that_vanished_is_no_fault(display: Display, bare_painter: Painter) -> None:
    window_id = bare_painter.open_window(0, 0, 100, 100)
    window = display.main_window()
    assert window is not None
    bare_painter.core.DestroyWindow(window_id)
    bare_painter.sync()
    assert display.fit(window) == (640, 480)
    assert display.main_window() is None


def test_size_hints() -> None:
    assert is_fixed_size(hints(16 | 32, (320, 200), (320, 200)))
    assert not is_fixed_size(hints(16 | 32, (320, 200), (640, 400)))
    assert not is_fixed_size(hints(16, (320, 200), (320, 200)))
    assert not is_fixed_size(hints(16 | 32, (0, 0), (0, 0)))
    assert not is_fixed_size(b"")


def hide_pointer(painter: Painter) -> None:
    pixmap, cursor = painter.connection.generate_id(), painter.connection.generate_id()
    painter.core.CreatePixmap(1, pixmap, painter.root, 8, 8)
    context = painter.connection.generate_id()
    painter.core.CreateGC(context, pixmap, xcffib.xproto.GC.Foreground, [0])
    rectangle = xcffib.xproto.RECTANGLE.synthetic(0, 0, 8, 8)  # type: ignore[no-untyped-call]
    painter.core.PolyFillRectangle(pixmap, context, 1, [rectangle])
    painter.core.CreateCursor(cursor, pixmap, pixmap, 0, 0, 0, 0, 0, 0, 0, 0)
    painter.core.ChangeWindowAttributes(painter.window, xcffib.xproto.CW.Cursor, [cursor])
    painter.sync()


def grab_pointer(painter: Painter) -> int:
    modes = xcffib.xproto.GrabMode
    asked = painter.core.GrabPointer(True, painter.window, 0, modes.Async, modes.Async, painter.window, 0, 0)
    return int(asked.reply().status)


def test_a_game_that_hides_and_grabs_has_taken_the_pointer(display: Display, painter: Painter) -> None:
    display.show_pointer()
    assert not display.is_pointer_taken()
    hide_pointer(painter)
    assert not display.is_pointer_taken(), "a game that draws a pointer of its own only hides it"
    assert grab_pointer(painter) == xcffib.xproto.GrabStatus.Success, "the look left no grab behind"
    assert display.is_pointer_taken()
    painter.core.UngrabPointer(0)
    painter.sync()
    assert not display.is_pointer_taken()


def test_a_menu_that_grabs_has_not_taken_the_pointer(display: Display, painter: Painter) -> None:
    display.show_pointer()
    grab_pointer(painter)
    assert not display.is_pointer_taken()


async def test_a_held_button_is_no_taken_pointer(display: Display, painter: Painter, xvfb: XServer) -> None:
    """While a button is down its window has the pointer by a grab of the server's own."""
    hide_pointer(painter)
    events = xcffib.xproto.EventMask
    painter.core.ChangeWindowAttributes(painter.window, xcffib.xproto.CW.EventMask, [events.ButtonPress])
    painter.sync()
    hands = XTestInput(xvfb.socket_path)
    hands.sink().handle(Button(button=1, is_down=True))
    catch_up(hands._connection)
    assert not display.is_pointer_taken()
    hands.close()
