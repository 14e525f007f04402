"""What arrives at a window, on a real Xvfb."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
import xcffib.xproto
from packages.stream.tests.engine.conftest import WAIT_S, catch_up

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import KEY_CODES, Button, Key, Move, MoveBy, ReleaseAll, Shown, Wheel
from dillinger_stream.capture.display import Display
from dillinger_stream.input.x11 import XTestInput

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter, XServer

A, B = KEY_CODES["KeyA"], KEY_CODES["KeyB"]


class Listener:
    """Names what a window is told, as text: `key+30`, `button-1`, `move 10,20`."""

    def __init__(self, painter: Painter, hands: XTestInput) -> None:
        self._painter = painter
        self._hands = hands
        events = xcffib.xproto.EventMask
        mask = (
            events.KeyPress | events.KeyRelease | events.ButtonPress | events.ButtonRelease | events.PointerMotion
        )  # fmt: skip
        painter.core.ChangeWindowAttributes(painter.window, xcffib.xproto.CW.EventMask, [mask])
        painter.core.SetInputFocus(1, painter.window, 0)
        painter.sync()

    def heard(self, *, has_all: bool = True) -> list[str]:
        """All that was injected before, or what has arrived already."""
        if has_all:
            catch_up(self._hands._connection)
        self._painter.sync()
        told = []
        while (event := self._painter.connection.poll_for_event()) is not None:
            match event:
                case xcffib.xproto.KeyPressEvent():
                    told.append(f"key+{event.detail - 8}")
                case xcffib.xproto.KeyReleaseEvent():
                    told.append(f"key-{event.detail - 8}")
                case xcffib.xproto.ButtonPressEvent():
                    told.append(f"button+{event.detail}")
                case xcffib.xproto.ButtonReleaseEvent():
                    told.append(f"button-{event.detail}")
                case xcffib.xproto.MotionNotifyEvent():
                    told.append(f"move {event.root_x},{event.root_y}")
        return told


@pytest.fixture
async def hands(xvfb: XServer) -> AsyncIterator[XTestInput]:
    display = XTestInput(xvfb.socket_path)
    yield display
    display.close()


@pytest.fixture
def listener(painter: Painter, hands: XTestInput) -> Listener:
    return Listener(painter, hands)


async def test_keys_and_buttons(hands: XTestInput, listener: Listener) -> None:
    sink = hands.sink()
    for event in (Key(code=A, is_down=True), Key(code=A, is_down=False), Button(button=3, is_down=True)):
        sink.handle(event)
    assert listener.heard() == ["key+30", "key-30", "button+3"]
    sink.handle(Button(button=3, is_down=False))
    sink.handle(Shown(frame=1, decode_us=1, draw_us=1))
    assert listener.heard() == ["button-3"]


async def test_key_numbers_mean_the_keys_of_a_pc(hands: XTestInput, painter: Painter) -> None:
    """X's key codes are the kernel's and 8, if the server has the evdev key map: arrows tell the difference."""
    reply = painter.core.GetKeyboardMapping(8, 248).reply()

    def symbol(code: str) -> int:
        return int(reply.keysyms[KEY_CODES[code] * reply.keysyms_per_keycode])

    named = {"ArrowUp": 0xFF52, "ArrowLeft": 0xFF51, "KeyA": 0x61, "Enter": 0xFF0D, "ControlRight": 0xFFE4}
    assert {code: symbol(code) for code in named} == named


async def test_a_repeated_press_is_one_press(hands: XTestInput, listener: Listener) -> None:
    sink = hands.sink()
    for _ in range(5):
        sink.handle(Key(code=A, is_down=True))
    sink.handle(Key(code=A, is_down=False))
    sink.handle(Key(code=A, is_down=False))
    assert listener.heard() == ["key+30", "key-30"]


async def test_release_all_lets_go_of_everything_once(hands: XTestInput, listener: Listener) -> None:
    sink = hands.sink()
    for event in (Key(code=A, is_down=True), Key(code=B, is_down=True), Button(button=1, is_down=True)):
        sink.handle(event)
    listener.heard()
    sink.handle(ReleaseAll())
    assert sorted(listener.heard()) == ["button-1", "key-30", "key-48"]
    sink.release_all()
    assert listener.heard() == []


async def test_peers_hold_keys_apart(hands: XTestInput, listener: Listener) -> None:
    first, second = hands.sink(), hands.sink()
    first.handle(Key(code=A, is_down=True))
    second.handle(Key(code=A, is_down=True))
    second.handle(Key(code=B, is_down=True))
    assert listener.heard() == ["key+30", "key+48"]
    first.release_all()
    assert listener.heard() == []
    first.handle(Key(code=B, is_down=False))
    assert listener.heard() == [], "one peer can't let go of what another holds"
    second.release_all()
    assert sorted(listener.heard()) == ["key-30", "key-48"]


async def test_places_span_the_whole_desktop(hands: XTestInput, listener: Listener) -> None:
    sink = hands.sink()
    for x, y in ((0, 0), (65_535, 65_535), (32_768, 32_768)):
        sink.handle(Move(x=x, y=y))
    assert listener.heard() == ["move 0,0", "move 639,479", "move 320,240"]
    sink.handle(MoveBy(dx=-20, dy=5))
    assert listener.heard() == ["move 300,245"]


async def test_places_follow_another_size(hands: XTestInput, listener: Listener, xvfb: XServer) -> None:
    display = Display(xvfb.socket_path)
    display.resize(320, 200)
    display.close()
    listener.heard()
    hands.sink().handle(Move(x=65_535, y=65_535))
    assert listener.heard()[-1] == "move 319,199"


async def test_the_wheel_gathers_parts_of_a_notch(hands: XTestInput, listener: Listener) -> None:
    sink = hands.sink()
    sink.handle(Wheel(dx=0, dy=60))
    assert listener.heard() == []
    sink.handle(Wheel(dx=0, dy=60))
    assert listener.heard() == ["button+5", "button-5"]
    sink.handle(Wheel(dx=0, dy=-240))
    assert listener.heard() == ["button+4", "button-4"] * 2
    sink.handle(Wheel(dx=120, dy=0))
    sink.handle(Wheel(dx=-120, dy=0))
    assert listener.heard() == ["button+7", "button-7", "button+6", "button-6"]
    sink.handle(Wheel(dx=0, dy=32_767))
    assert len(listener.heard()) <= 32


async def test_moves_are_told_to_who_draws_the_pointer(xvfb: XServer) -> None:
    moves: list[int] = []
    hands = XTestInput(xvfb.socket_path, on_pointer_moved=lambda: moves.append(1))
    hands.sink().handle(Move(x=5, y=5))
    hands.sink().handle(MoveBy(dx=5, dy=5))
    hands.sink().handle(Key(code=A, is_down=True))
    assert len(moves) == 2
    hands.close()


async def test_a_server_that_does_not_read_blocks_nobody(hands: XTestInput, xvfb: XServer) -> None:
    sink = hands.sink()
    os.kill(xvfb.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    try:
        with pytest.raises(Unavailable):
            for number in range(20_000):
                sink.handle(Move(x=number, y=number))
        took_s = time.monotonic() - started
    finally:
        os.kill(xvfb.process.pid, signal.SIGCONT)
    assert took_s < WAIT_S


async def test_a_burst_arrives_whole(hands: XTestInput, listener: Listener, xvfb: XServer) -> None:
    """More than the socket takes at once waits, and follows when the server reads again."""
    sink = hands.sink()
    os.kill(xvfb.process.pid, signal.SIGSTOP)
    for _ in range(60):
        sink.handle(Key(code=A, is_down=True))
        sink.handle(Key(code=A, is_down=False))
    os.kill(xvfb.process.pid, signal.SIGCONT)
    told: list[Any] = []
    async with asyncio.timeout(WAIT_S):
        while len(told) < 120:
            await asyncio.sleep(0.01)
            told += listener.heard(has_all=False)
    assert told == ["key+30", "key-30"] * 60


async def test_a_killed_server_is_unavailable(hands: XTestInput, xvfb: XServer) -> None:
    sink = hands.sink()
    sink.handle(Key(code=A, is_down=True))
    xvfb.kill()
    with pytest.raises(Unavailable):
        for _ in range(3):
            sink.handle(Move(x=1, y=1))
