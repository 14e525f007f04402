"""Whether a window's program answers, on a real Xvfb: it looks at its events, or does not, or can't be asked."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import xcffib.xproto
from packages.stream.tests.engine.conftest import WAIT_S, catch_up

from dillinger_stream.capture import display as display_module
from dillinger_stream.capture.display import Display, Window

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter, XServer


class Program:
    """A client with a window that takes pings, and answers them when it is told to."""

    def __init__(self, display: Display, painter: Painter, x: int = 0, y: int = 0) -> None:
        self.display, self.painter = display, painter
        self.protocols, self.ping = (self._atom(name) for name in ("WM_PROTOCOLS", "_NET_WM_PING"))
        self.window = painter.open_window(x, y, 320, 200)
        atom = int(xcffib.xproto.Atom.ATOM)
        painter.core.ChangeProperty(
            xcffib.xproto.PropMode.Replace, self.window, self.protocols, atom, 32, 1, struct.pack("=I", self.ping)
        )
        painter.sync()

    def say(self, name: int, kind: int, form: int, data: bytes) -> None:
        """Of its window."""
        count = len(data) * 8 // form
        self.painter.core.ChangeProperty(xcffib.xproto.PropMode.Replace, self.window, name, kind, form, count, data)
        self.painter.sync()

    def _atom(self, name: str) -> int:
        return int(self.painter.core.InternAtom(False, len(name), name).reply().atom)

    def answer(self, **changes: int) -> int:
        """Sends every ping back that was sent until now, and it arrives; how many there were."""
        count = 0
        catch_up(self.display._connection)
        self.painter.sync()
        while (event := self.painter.connection.poll_for_event()) is not None:
            if isinstance(event, xcffib.xproto.ClientMessageEvent):
                words = [int(word) for word in event.data.data32]
                assert (event.window, event.type, words[0]) == (self.window, self.protocols, self.ping)
                words[2] = changes.get("window", words[2])
                message = struct.pack("=BBH2I5I", 33, 32, 0, self.painter.root, self.protocols, *words)
                kinds = xcffib.xproto.EventMask
                mask = kinds.SubstructureNotify | kinds.SubstructureRedirect
                self.painter.core.SendEvent(False, self.painter.root, mask, message)
                count += 1
        self.painter.sync()
        catch_up(self.display._connection)
        return count


@pytest.fixture
def display(xvfb: XServer) -> Iterator[Display]:
    control = Display(xvfb.socket_path)
    yield control
    control.close()


def shown(display: Display) -> Window:
    window = display.main_window()
    assert window is not None
    return window


def test_a_program_that_looks_at_its_events_is_never_silent(display: Display, bare_painter: Painter) -> None:
    program = Program(display, bare_painter)
    for now_s in (0, 30, 60):
        assert display.silent_s(now_s) == 0
        assert program.answer() == 1


def test_one_that_does_not_is_silent_since_it_was_asked_until_it_answers(
    display: Display, bare_painter: Painter
) -> None:
    program = Program(display, bare_painter)
    assert [display.silent_s(now_s) for now_s in (100, 112, 124)] == [0, 12, 24]
    assert program.answer() == 1, "it is asked once"
    assert [display.silent_s(now_s) for now_s in (130, 133)] == [0, 3], "and asked again"


def test_an_answer_for_another_window_is_none(display: Display, bare_painter: Painter) -> None:
    program = Program(display, bare_painter)
    display.silent_s(0)
    assert program.answer(window=program.window + 1) == 1
    assert display.silent_s(25) == 25


def test_one_that_can_not_be_asked_is_not_suspected_and_one_that_is_gone_is_forgotten(
    display: Display, bare_painter: Painter
) -> None:
    assert display.silent_s(0) == 0, "no window"
    program = Program(display, bare_painter)
    assert [display.silent_s(now_s) for now_s in (0, 25)] == [0, 25]
    bare_painter.core.DestroyWindow(program.window)
    bare_painter.open_window(0, 0, 320, 200)
    assert [display.silent_s(now_s) for now_s in (50, 75)] == [0, 0]


async def test_the_desktop_waits_for_a_windows_program_to_notice_that_its_window_was_moved(
    display: Display, bare_painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wine never draws what lay beyond the screen's edge when it drew, though it comes into view."""
    monkeypatch.setattr(display_module, "_NOTICES_S", 600.0)
    program, atoms = Program(display, bare_painter, x=3, y=22), xcffib.xproto.Atom
    size = (320, 200, 320, 200)
    program.say(atoms.WM_NORMAL_HINTS, atoms.WM_SIZE_HINTS, 32, struct.pack("=18I", 48, 0, 0, 0, 0, *size, *[0] * 9))
    program.say(atoms.WM_CLASS, atoms.STRING, 8, b"Game.EXE\0Wine\0")
    for _ in range(3):
        assert display.fit(shown(display), wished=(640, 480)) == (640, 480) == display.size()
        assert display.is_fitting
    assert (shown(display).x, shown(display).y) == (0, 0), "it was moved at once"
    assert program.answer() == 1, "it is asked once"
    while display.is_fitting:
        await asyncio.wait_for(display.changed(), WAIT_S)
        display.fit(shown(display), wished=(640, 480))
    assert display.size() == (320, 200)
