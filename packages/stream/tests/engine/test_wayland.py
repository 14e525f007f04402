"""A Wayland desktop as a stream has it: a real sway, and a program that draws and tells what arrives."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from packages.stream.tests.engine.compositor import WAIT_S, Compositor
from packages.stream.tests.engine.guests.wayland_card import BLOCK, BLOCK_PX, COLOURS, KEY_A, KEY_C, PLACES

from dillinger_contracts.errors import Unavailable, Unsupported
from dillinger_contracts.input import Button, Key, Move, MoveBy, ReleaseAll, Wheel
from dillinger_contracts.media import Box
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.geometry import contains
from dillinger_stream.capture.wayland import WaylandCapture
from dillinger_stream.clipboard.base import PNG_MAGIC, Clip
from dillinger_stream.clipboard.pipes import DELIVERY_S
from dillinger_stream.clipboard.wayland import WaylandClipboard
from dillinger_stream.frames import Frame
from dillinger_stream.input.wayland import WaylandInput
from dillinger_stream.wayland.connection import Proxy, WaylandConnection, connect
from dillinger_stream.wayland.desk import Desk

SIZE = (640, 480)
FAR = (400, 400)
"""A place of the window without the block, and without the pointer."""


@pytest.fixture
def compositor() -> Iterator[Compositor]:
    made = Compositor()
    yield made
    made.close()


@pytest.fixture
def dial(compositor: Compositor) -> Callable[[], Any]:
    return lambda: connect(compositor.socket_path)


@pytest.fixture
def hands(dial: Callable[[], Any]) -> Iterator[WaylandInput]:
    made = WaylandInput(dial)
    yield made
    made.close()


@pytest.fixture
def capture(dial: Callable[[], Any]) -> Iterator[WaylandCapture]:
    made = WaylandCapture(dial)
    yield made
    made.close()


@pytest.fixture
def nothing() -> Iterator[int]:
    """A descriptor that never wakes."""
    descriptor = os.eventfd(0)
    yield descriptor
    os.close(descriptor)


def bgr(colour: int) -> list[int]:
    return list(colour.to_bytes(4, "little")[:3])


class Watcher:
    """Puts a picture together from what a capture gives."""

    def __init__(self, capture: WaylandCapture, nothing: int) -> None:
        self.capture, self.nothing = capture, nothing
        self.whole = capture.grab(whole=True)
        self.picture = self.whole.pixels.copy()
        self.boxes: list[Box] = []

    def look(self) -> Frame:
        """The next change."""
        assert self.capture.wait(WAIT_S, self.nothing)
        frame = self.capture.grab()
        box = frame.box
        if (frame.height_px, frame.width_px) != self.picture.shape[:2]:
            self.picture = frame.pixels.copy()
        else:
            self.picture[box.y : box.y + box.height, box.x : box.x + box.width] = frame.pixels
        self.boxes.append(box)
        return frame

    def until(self, fact: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not fact():
            assert time.monotonic() < deadline, self.boxes
            self.look()

    def has(self, colour: int, place: tuple[int, int]) -> bool:
        x, y = place
        return list(self.picture[y, x, :3]) == bgr(colour)

    def rest(self) -> None:
        """Until nothing changes any more."""
        deadline = time.monotonic() + WAIT_S
        while self.capture.wait(0.5, self.nothing):
            assert time.monotonic() < deadline, "it never rests"
            self.look()
        self.boxes.clear()


def tap(sink: Any, code: int) -> None:
    sink.handle(Key(code=code, is_down=True))
    sink.handle(Key(code=code, is_down=False))


def test_what_is_drawn_is_captured_box_by_box_and_nothing_while_nothing_changes(
    compositor: Compositor, hands: WaylandInput, capture: WaylandCapture, nothing: int
) -> None:
    card = compositor.card()
    card.saw("focused")
    watcher = Watcher(capture, nothing)
    middle = tuple(at + BLOCK_PX // 2 for at in PLACES[0])
    watcher.until(lambda: watcher.has(COLOURS[0], FAR) and watcher.has(BLOCK, (middle[0], middle[1])))
    assert watcher.whole.box == Box(0, 0, *SIZE)
    sink = hands.sink()
    left, top = PLACES[0]
    both = Box(left, top, PLACES[1][0] + BLOCK_PX - left, PLACES[1][1] + BLOCK_PX - top)
    place, deadline = 0, time.monotonic() + WAIT_S
    while True:
        watcher.rest()
        tap(sink, KEY_A)
        place = 1 - place
        x, y = (at + BLOCK_PX // 2 for at in PLACES[place])
        watcher.until(lambda x=x, y=y: watcher.has(BLOCK, (x, y)))  # type: ignore[misc]
        if all(contains(both, box) for box in watcher.boxes):
            break
        assert time.monotonic() < deadline, watcher.boxes  # a slow program may have drawn all of it anew meanwhile
    tap(sink, KEY_C)
    watcher.until(lambda: watcher.has(COLOURS[1], FAR))
    watcher.rest()
    while capture.grab().box != Box(0, 0, 0, 0):
        assert time.monotonic() < deadline + WAIT_S
    again = capture.grab(whole=True)
    assert again.box == Box(0, 0, *SIZE)
    assert (again.pixels == watcher.picture).all()


def test_a_wait_ends_when_it_is_woken(capture: WaylandCapture) -> None:
    capture.grab(whole=True)
    awake = os.eventfd(1)
    try:
        deadline = time.monotonic() + WAIT_S
        while capture.wait(None, awake):
            assert time.monotonic() < deadline
            capture.grab()
    finally:
        os.close(awake)


def test_keys_pointer_and_wheel_arrive_and_what_is_held_is_let_go(
    compositor: Compositor, hands: WaylandInput, capture: WaylandCapture, nothing: int
) -> None:
    card = compositor.card()
    card.saw("focused")
    watcher = Watcher(capture, nothing)
    watcher.until(lambda: watcher.has(COLOURS[0], (630, 470)))  # it is there as a whole, to be pointed at
    sink, other = hands.sink(), hands.sink()
    for x, y in ((0, 0), (65_535, 65_535), (32_768, 16_384)):
        sink.handle(Move(x=x, y=y))
    card.saw("pointer 0 0")
    card.saw("pointer 639 479")
    card.saw("pointer 320 120")
    sink.handle(MoveBy(dx=-20, dy=10))
    card.saw("moved -20 10")
    card.saw("pointer 300 130")
    for button, number in ((1, 272), (3, 273), (2, 274), (8, 275), (9, 276)):
        sink.handle(Button(button=button, is_down=True))
        card.saw(f"button {number} down")
        sink.handle(Button(button=button, is_down=False))
        card.saw(f"button {number} up")
    sink.handle(Wheel(dx=0, dy=60))
    sink.handle(Wheel(dx=-240, dy=60))
    card.saw("axis 1 -30")
    card.saw("axis 0 15")
    sink.handle(Key(code=42, is_down=True))
    card.saw("modifiers 1 0")
    sink.handle(Key(code=30, is_down=True))
    other.handle(Key(code=30, is_down=True))
    sink.handle(Button(button=1, is_down=True))
    card.saw("key 30 down")
    sink.handle(ReleaseAll())
    card.saw("key 42 up")
    card.saw("modifiers 0 0")
    sink.handle(Key(code=44, is_down=True))
    card.saw("key 44 down")
    assert "key 30 up" not in card.lines, "another peer holds it"
    sink.close()
    card.saw("key 44 up")
    other.close()
    card.saw("key 30 up")
    assert card.lines.count("key 30 down") == 1


def test_the_keyboard_takes_another_layout_while_keys_are_down(compositor: Compositor, hands: WaylandInput) -> None:
    card = compositor.card()
    card.saw("focused")
    sink = hands.sink()
    sink.handle(Key(code=100, is_down=True))
    card.saw("modifiers 8 0")  # the right Alt is one like the other
    assert "keymap with umlauts" not in card.lines
    hands.set_layout("de")
    card.saw("keymap with umlauts")
    with pytest.raises(Unsupported):
        hands.set_layout("zz")
    sink.handle(Key(code=100, is_down=False))
    card.saw("key 100 up")
    card.saw("modifiers 0 0")
    sink.handle(Key(code=100, is_down=True))
    card.saw("modifiers 128 0")  # and AltGr there


async def test_the_desktop_takes_another_size_and_its_window_and_picture_follow(
    compositor: Compositor, dial: Callable[[], Any], hands: WaylandInput, capture: WaylandCapture, nothing: int
) -> None:
    desk = await asyncio.to_thread(Desk, dial)
    desk.attach()
    assert desk.size() == SIZE and desk.windows() == []
    card = await asyncio.to_thread(compositor.card)
    async with asyncio.timeout(WAIT_S):
        while not desk.windows():
            await desk.changed()
    assert [window.title for window in desk.windows()] == ["Wayland card"]
    await asyncio.to_thread(card.saw, "size 640x480")
    watcher = await asyncio.to_thread(Watcher, capture, nothing)
    assert await desk.resize(800, 600, rate_hz=60) == (800, 600)
    await asyncio.to_thread(card.saw, "size 800x600")
    await asyncio.to_thread(watcher.until, lambda: watcher.picture.shape[:2] == (600, 800))
    await asyncio.to_thread(watcher.until, lambda: watcher.has(COLOURS[0], (790, 590)))
    assert await desk.resize(320, 240, rate_hz=60) == (320, 240)
    await asyncio.to_thread(watcher.until, lambda: watcher.picture.shape[:2] == (240, 320))
    hands.sink().handle(Move(x=65_535, y=65_535))
    await asyncio.to_thread(card.saw, "pointer 319 239")
    card.process.kill()
    async with asyncio.timeout(WAIT_S):
        while desk.windows():
            await desk.changed()
    desk.close()


async def test_a_compositor_that_is_killed_ends_every_wait(
    compositor: Compositor, dial: Callable[[], Any], hands: WaylandInput, capture: WaylandCapture, nothing: int
) -> None:
    desk = await asyncio.to_thread(Desk, dial)
    desk.attach()
    sink = hands.sink()
    capture.grab(whole=True)
    await asyncio.to_thread(compositor.kill)
    with pytest.raises(CaptureError):
        while await asyncio.to_thread(capture.wait, WAIT_S, nothing):
            capture.grab()
    with pytest.raises(Unavailable):
        for _ in range(1000):
            tap(sink, 30)
    with pytest.raises(CaptureError):
        async with asyncio.timeout(WAIT_S):
            while True:
                await desk.changed()
    with pytest.raises(CaptureError):
        await desk.resize(800, 600, rate_hz=60)
    desk.close()


class Programs:
    """What another program does with the clipboard, by a connection of its own."""

    def __init__(self, dial: Callable[[], Any]) -> None:
        self.connection = connection = WaylandConnection(dial())
        self.offers: dict[int, tuple[Proxy, list[str]]] = {}
        self.selected = 0
        seat = connection.bind("wl_seat")
        self.manager = connection.bind("zwlr_data_control_manager_v1")
        self.device = self.manager.make("get_data_device", "zwlr_data_control_device_v1", seat)
        self.device.on = self._on_device
        connection.roundtrip()

    def _on_device(self, event: str, arguments: list[Any]) -> None:
        if event == "data_offer":
            kinds: list[str] = []
            self.offers[arguments[0].number] = (arguments[0], kinds)
            arguments[0].on = lambda _, words: kinds.append(words[0])
        elif event == "selection":
            self.selected = arguments[0]

    def copy(self, kind: str, data: bytes, copied: list[Clip]) -> None:
        """Copies, and answers who pastes, until that was `copied` or so long that it is given up."""
        source = self.manager.make("create_data_source", "zwlr_data_control_source_v1")

        def on(event: str, arguments: list[Any]) -> None:
            if event == "send":
                with contextlib.suppress(BrokenPipeError), os.fdopen(arguments[1], "wb") as pipe:
                    pipe.write(data)

        source.on = on
        source.call("offer", kind)
        self.device.call("set_selection", source)
        until = time.monotonic() + DELIVERY_S + 1
        while not copied and time.monotonic() < until:
            self.connection.wait(0.05)
            self.connection.read()

    def paste(self, kind: str) -> bytes:
        self.connection.roundtrip()
        offer, kinds = self.offers[self.selected]
        assert kind in kinds
        reading, writing = os.pipe()
        offer.call("receive", kind, writing)
        os.close(writing)
        self.connection.roundtrip()
        with os.fdopen(reading, "rb") as pipe:
            return pipe.read()


async def test_the_clipboard_goes_both_ways(compositor: Compositor, dial: Callable[[], Any]) -> None:
    copied: list[Clip] = []
    clipboard = await asyncio.to_thread(WaylandClipboard, dial, on_copied=copied.append)
    clipboard.attach()
    programs = await asyncio.to_thread(Programs, dial)
    for kind, clip in (
        ("text/plain;charset=utf-8", Clip("text", "grüße €".encode())),
        ("image/png", Clip("image", PNG_MAGIC + bytes(300_000))),
    ):
        taken = asyncio.Event()
        clipboard.give(clip, taken.set)
        async with asyncio.timeout(WAIT_S):
            await taken.wait()
        async with asyncio.timeout(WAIT_S):  # who is too slow is given up, and may try again
            while await asyncio.to_thread(programs.paste, kind) != clip.data:
                pass
    for clip in (Clip("text", b"hello"), Clip("image", PNG_MAGIC + b"x")):
        copied.clear()
        async with asyncio.timeout(WAIT_S):
            while not copied:
                await asyncio.to_thread(
                    programs.copy, "text/plain" if clip.kind == "text" else "image/png", clip.data, copied
                )
        assert copied[0] == clip
    clipboard.close()
    programs.connection.close()
