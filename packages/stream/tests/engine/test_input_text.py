"""Text that no keyboard has, typed into real programs of X11 and of Wayland, and never at the price of a stuck key."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xcffib.xproto
from hypothesis import given
from hypothesis import strategies as st
from packages.stream.tests.engine.compositor import Compositor, Program
from packages.stream.tests.engine.conftest import WAIT_S, Painter, catch_up
from tests.cases import fuzz

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import KEY_CODES, Key, ReleaseAll, Text
from dillinger_stream.input.in_line import MOST_WAITING, InLine
from dillinger_stream.input.spare_keys import REST_S, SpareKeys, keysym_of
from dillinger_stream.input.wayland import WaylandInput
from dillinger_stream.input.x11 import XTestInput
from dillinger_stream.wayland.connection import connect

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import XServer

WRITER = Path(__file__).with_name("guests") / "x11_writer.py"
WORDS = "日本語ä€😀"
A, ENTER, SHIFT = KEY_CODES["KeyA"], KEY_CODES["Enter"], KEY_CODES["ShiftLeft"]
MANY = "".join(chr(0x4E00 + number) for number in range(40))
"""More than there are spare keys."""


def tap(sink: Any, code: int) -> None:
    sink.handle(Key(code=code, is_down=True))
    sink.handle(Key(code=code, is_down=False))


def write(sink: Any, text: str) -> None:
    for character in text:
        sink.handle(Text(code_point=ord(character)))


@pytest.fixture
async def hands(xvfb: XServer) -> AsyncIterator[XTestInput]:
    made = XTestInput(xvfb.socket_path)
    yield made
    made.close()


@pytest.fixture
def writer(xvfb: XServer) -> Iterator[Program]:
    """A program that prints what it is told, with the keyboard."""
    program = Program([sys.executable, "-I", str(WRITER)], {"DISPLAY": xvfb.name, "PATH": "/usr/bin:/bin"})
    program.saw("focused")
    yield program
    program.end()


async def said(program: Program, expected: list[str]) -> None:
    """Waits until the program was told all of it, and nothing else."""
    until = time.monotonic() + WAIT_S
    while (lines := [line for line in program.lines if line.startswith(("text ", "key "))]) != expected:
        assert time.monotonic() < until, lines
        await asyncio.sleep(0.01)


async def test_a_program_of_x11_gets_what_is_written_in_its_order(hands: XTestInput, writer: Program) -> None:
    sink = hands.sink()
    tap(sink, A)
    write(sink, WORDS)
    tap(sink, ENTER)
    write(sink, WORDS[::-1])
    tap(sink, ENTER)
    words = [f"text {character}" for character in WORDS]
    await said(writer, ["text a", *words, "key 0xff0d", *words[::-1], "key 0xff0d"])


async def test_another_layout_takes_no_character_away(xvfb: XServer, hands: XTestInput, writer: Program) -> None:
    sink = hands.sink()
    write(sink, WORDS)
    await said(writer, [f"text {character}" for character in WORDS])
    process = await asyncio.create_subprocess_exec("setxkbmap", "-display", xvfb.name, "-layout", "de")
    assert await process.wait() == 0
    catch_up(hands._connection)
    write(sink, WORDS)
    await said(writer, [f"text {character}" for character in WORDS * 2])


def meanings(eye: Painter) -> set[int]:
    """All that keys of this display mean."""
    return set(eye.core.GetKeyboardMapping(8, 248).reply().keysyms)


async def test_at_the_end_the_keyboard_is_as_it_was(xvfb: XServer, painter: Painter) -> None:
    before = meanings(painter)
    hands = XTestInput(xvfb.socket_path)
    write(hands.sink(), WORDS)
    hands.settle()
    catch_up(hands._connection)
    assert meanings(painter) - before == {keysym_of(ord(character)) for character in WORDS} - before
    hands.close()
    assert meanings(painter) == before


def held(hands: XTestInput, eye: Painter) -> set[int]:
    """Key codes that are down."""
    catch_up(hands._connection)
    keys = eye.core.QueryKeymap().reply().keys
    return {code for code in range(8, 256) if keys[code // 8] >> code % 8 & 1}


async def test_whoever_lets_go_waits_for_no_text(hands: XTestInput, painter: Painter) -> None:
    """More characters than there are keys for at once: some wait, and so does what comes after them."""
    sink = hands.sink()
    sink.handle(Key(code=A, is_down=True))
    write(sink, MANY)
    sink.handle(Key(code=SHIFT, is_down=True))
    sink.handle(ReleaseAll())
    assert held(hands, painter) == set()
    write(sink, MANY[::-1])
    sink.handle(Key(code=A, is_down=True))
    sink.close()
    assert held(hands, painter) == set()


async def test_what_comes_after_text_comes_after_it(hands: XTestInput, painter: Painter) -> None:
    painter.core.ChangeWindowAttributes(
        painter.window, xcffib.xproto.CW.EventMask, [xcffib.xproto.EventMask.KeyPress]
    )  # fmt: skip
    painter.core.SetInputFocus(1, painter.window, 0)
    painter.sync()
    sink = hands.sink()
    write(sink, MANY)
    tap(sink, A)
    codes: list[int] = []
    until = time.monotonic() + WAIT_S
    while len(codes) < len(MANY) + 1:
        assert time.monotonic() < until, codes
        event = painter.connection.poll_for_event()
        if isinstance(event, xcffib.xproto.KeyPressEvent):
            codes.append(event.detail - 8)
        elif event is None:
            await asyncio.sleep(0.005)
    assert codes[-1] == A
    assert A not in codes[:-1]


@pytest.fixture
def compositor() -> Iterator[Compositor]:
    made = Compositor()
    yield made
    made.close()


async def test_a_program_of_wayland_gets_it_too_in_whatever_layout(compositor: Compositor) -> None:
    hands = WaylandInput(lambda: connect(compositor.socket_path))
    try:
        card = compositor.card()
        await asyncio.to_thread(card.saw, "focused")
        sink = hands.sink()
        sink.handle(Key(code=SHIFT, is_down=True))
        sink.handle(Key(code=SHIFT, is_down=False))
        write(sink, WORDS)
        hands.set_layout("de")
        write(sink, WORDS)
        tap(sink, A)
        await asyncio.to_thread(card.saw, f"key {A} up")
        told = [line.removeprefix("text ") for line in card.lines if line.startswith("text ")]
        assert told == [*WORDS, *WORDS]
        sink.close()
    finally:
        hands.close()


characters = st.integers(0, 9)


@fuzz(200)
@given(st.lists(st.tuples(characters, st.floats(0, 0.1)), max_size=120))
def test_a_key_rests_before_it_means_something_else(story: list[tuple[int, float]]) -> None:
    spare = SpareKeys(range(4))
    now_s, last_s, means = 100.0, dict[int, float](), dict[int, int]()
    for character, step_s in story:
        now_s += step_s
        now_s += spare.wait_s(character, now_s)
        assert spare.wait_s(character, now_s) <= 1e-9
        code, is_new = spare.take(character, now_s)
        assert is_new == (means.get(code) != character)
        assert not is_new or now_s - last_s.get(code, 0.0) >= REST_S - 1e-6
        means[code], last_s[code] = character, now_s
    assert {code: character for character, code in spare.lent.items()} == means


async def test_a_display_that_is_lost_while_text_waits_raises_and_keeps_nothing() -> None:
    tried: list[str] = []

    def refuse(*_: object) -> None:
        raise Unavailable("gone")

    def let_go() -> None:
        tried.append("let go")

    line = InLine(SpareKeys([200]), lambda *_: None)
    line.write(ord("日"))
    line.write(ord("本"))  # waits for the one key
    line.do(refuse)
    line.do(let_go)
    assert tried == []
    with pytest.raises(Unavailable):
        line.settle()
    assert tried == ["let go"]
    line.settle()


async def test_a_flood_of_text_is_written_and_waited_for_by_nobody() -> None:
    written: list[int] = []
    line = InLine(SpareKeys([200, 201]), lambda batch: written.extend(lent.code_point for lent in batch))
    text = [0x4E00 + number for number in range(3 * MOST_WAITING)]
    for code_point in text:
        line.write(code_point)
    assert len(written) >= 2 * MOST_WAITING
    line.settle()
    assert written == text


def test_a_keyboard_without_a_spare_key_says_so() -> None:
    line = InLine(SpareKeys([]), lambda *_: None)
    with pytest.raises(Unavailable, match="no key left"):
        line.write(ord("日"))


@pytest.mark.parametrize(("character", "keysym"), [("a", 0x61), ("ä", 0xE4), ("€", 0x10020AC), ("😀", 0x101F600)])
def test_characters_have_the_numbers_of_x11(character: str, keysym: int) -> None:
    assert keysym_of(ord(character)) == keysym
