"""The pointer of a real compositor, apart from its picture, where it has ext-image-copy-capture."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from packages.stream.tests.engine.compositor import WAIT_S, Compositor
from packages.stream.tests.engine.wayland_window import Wearer

from dillinger_contracts.input import Move
from dillinger_stream.capture import image_copy
from dillinger_stream.capture.wayland import WaylandCapture
from dillinger_stream.frames import PointerSeen
from dillinger_stream.input.wayland import WaylandInput
from dillinger_stream.wayland.connection import WaylandConnection, connect

RED = 0xFFFF0000
GREY = 0x80


@pytest.fixture
def dial() -> Iterator[Callable[[], Any]]:
    compositor = Compositor()
    try:
        connection = WaylandConnection(connect(compositor.socket_path))
        is_offered = image_copy.is_offered(connection)
        connection.close()
        if not is_offered:
            pytest.skip("no ext-image-copy-capture in the sway of this machine: it comes with wlroots 0.19")
        yield lambda: connect(compositor.socket_path)
    finally:
        compositor.close()


def test_what_a_program_wears_is_told_and_is_in_the_picture_only_where_it_is_to_be(dial: Callable[[], Any]) -> None:
    hands = WaylandInput(dial)
    sink, idle = hands.sink(), os.eventfd(0)
    window, capture = Wearer(dial, (640, 480)), WaylandCapture(dial)
    deadline = time.monotonic() + WAIT_S

    def seen(fact: Callable[[PointerSeen], bool]) -> PointerSeen:
        while capture.pointer is None or not fact(capture.pointer):
            assert time.monotonic() < deadline, capture.pointer
            if capture.wait(0.1, idle):
                capture.grab()
        return capture.pointer

    def picture(*, has_pointer: bool) -> Any:
        while True:
            pixels = capture.grab(whole=True).pixels[:, :, :3]
            if bool((pixels != GREY).any()) is has_pointer:
                return pixels
            assert time.monotonic() < deadline
            capture.wait(0.1, idle)

    try:
        capture.draw_pointer(is_drawn=False)
        sink.handle(Move(x=32_768, y=32_768))
        capture.pointer_moved()
        window.wear(12, 8, RED, (3, 2))
        capture.pointer_moved()
        worn = seen(lambda pointer: pointer.image.pixels.shape == (8, 12, 4))
        assert (worn.image.hot_x, worn.image.hot_y) == (3, 2)
        assert worn.image.pixels[0, 0].tolist() == [0, 0, 255, 255]
        picture(has_pointer=False)
        sink.handle(Move(x=0, y=65_535))
        capture.pointer_moved()
        seen(lambda pointer: (pointer.x, pointer.y) == (0, 479))
        sink.handle(Move(x=32_768, y=32_768))
        capture.pointer_moved()
        seen(lambda pointer: (pointer.x, pointer.y) == (320, 240))
        capture.draw_pointer(is_drawn=True)
        drawn = picture(has_pointer=True)
        place = capture.pointer
        assert place is not None
        block = drawn[place.y - 2 : place.y + 6, place.x - 3 : place.x + 9]
        assert (block == (0, 0, 255)).all() and (drawn != GREY).any(axis=2).sum() == 12 * 8
        capture.draw_pointer(is_drawn=False)
        picture(has_pointer=False)
        window.hide()
        capture.pointer_moved()
        seen(lambda pointer: not pointer.image.is_visible)
    finally:
        os.close(idle)
        for part in (capture, window, hands):
            part.close()
