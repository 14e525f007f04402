"""Capture by ext-image-copy-capture from a stand-in: the picture stays true, and the pointer is apart from it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from packages.stream.tests.engine.fake_compositor import WAIT_S
from packages.stream.tests.engine.image_copy_peer import CURSOR, SCREEN, Peer

from dillinger_contracts.media import Box
from dillinger_stream.capture import cursor_session, image_copy
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.wayland import WaylandCapture
from dillinger_stream.frames import PointerSeen

ARROW = np.full((4, 3, 4), 200, np.uint8)
ARROW[:, :, 3] = 255


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()
    assert made.broken == []


@pytest.fixture
def capture(peer: Peer) -> Iterator[WaylandCapture]:
    made = WaylandCapture(lambda: peer.client)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at again later, is soon."""
    monkeypatch.setattr(cursor_session, "_LATER_NS", (0, 20_000_000))


@pytest.fixture
def idle() -> Iterator[int]:
    descriptor = os.eventfd(0)
    yield descriptor
    os.close(descriptor)


def until(capture: WaylandCapture, idle: int, fact: Callable[[], bool], *, grabs: bool = False) -> None:
    """Waits for `fact`; nothing is damaged meanwhile, unless it `grabs`."""
    deadline = time.monotonic() + WAIT_S
    while not fact():
        assert time.monotonic() < deadline
        if capture.wait(0.05, idle):
            assert grabs, "the picture changed"
            capture.grab()


def worn(capture: WaylandCapture, idle: int, peer: Peer) -> PointerSeen:
    """The pointer, once it is known: an arrow at (10, 20). Where it is may be told before how it looks."""
    peer.enter()
    peer.wear(ARROW, (1, 1))
    peer.move(10, 20)

    def is_known() -> bool:
        seen = capture.pointer
        return seen is not None and (seen.x, seen.y) == (10, 20) and seen.image.pixels.shape == ARROW.shape

    until(capture, idle, is_known, grabs=True)
    assert capture.pointer is not None
    return capture.pointer


def test_boxes_out_of_three_buffers_make_the_true_picture(peer: Peer, capture: WaylandCapture, idle: int) -> None:
    picture = capture.grab(whole=True).pixels.copy()
    chance = random.Random(4)
    for value in range(1, 60):
        x, y = chance.randrange(0, 60, 2), chance.randrange(0, 44, 2)
        peer.draw(Box(x, y, chance.randrange(2, 65 - x), chance.randrange(2, 49 - y)), value)
        deadline = time.monotonic() + WAIT_S
        while (picture != peer.screen).any():
            assert time.monotonic() < deadline, value
            if capture.wait(1, idle):
                frame = capture.grab(whole=value % 7 == 0)
                box = frame.box
                picture[box.y : box.y + box.height, box.x : box.x + box.width] = frame.pixels
    assert (capture.grab(whole=True).pixels == peer.screen).all()
    assert not capture.wait(0.05, idle), "nothing changes, and nothing is told"
    peer.draw(Box(20, 10, 4, 4), 99)
    assert capture.wait(WAIT_S, idle)
    assert capture.grab().box == Box(20, 10, 4, 4)
    assert peer.opened == [0], "the pointer is not painted in"


def test_a_desktop_of_another_size_is_followed(peer: Peer, capture: WaylandCapture, idle: int) -> None:
    capture.grab(whole=True)
    for width, height in ((96, 80), (33, 17)):
        peer.resize(width, height)
        assert not capture.wait(0.1, idle), "frames fail, and its new size is not known"
        peer.tell_size()
        assert capture.wait(WAIT_S, idle)
        frame = capture.grab()
        assert (frame.width_px, frame.height_px) == (width & ~1, height & ~1)
        assert frame.box == Box(0, 0, width & ~1, height & ~1) and (frame.pixels == 9).all()


def test_a_pointer_that_others_draw_is_told_and_is_no_damage(peer: Peer, capture: WaylandCapture, idle: int) -> None:
    capture.draw_pointer(is_drawn=False)
    assert (capture.grab(whole=True).pixels == 0).all() and capture.pointer is None
    arrow = worn(capture, idle, peer)
    assert (arrow.image.hot_x, arrow.image.hot_y) == (1, 1) and (arrow.image.pixels == ARROW).all()
    peer.move(30, 40)
    until(capture, idle, lambda: capture.pointer is not None and capture.pointer.x == 30)
    assert capture.pointer is not None and capture.pointer.image is arrow.image, "it is asked for once"
    peer.wear(np.full((9, 9, 4), 255, np.uint8), (4, 4))
    until(capture, idle, lambda: capture.pointer is not None and capture.pointer.image.pixels.shape == (9, 9, 4))
    peer.leave()
    until(capture, idle, lambda: capture.pointer is not None and not capture.pointer.image.is_visible)
    peer.enter()
    until(capture, idle, lambda: capture.pointer is not None and capture.pointer.image.is_visible)
    assert (capture.grab(whole=True).pixels == 0).all()


def test_a_pointer_that_the_picture_is_to_hold_is_drawn_and_erased(
    peer: Peer, capture: WaylandCapture, idle: int
) -> None:
    capture.grab(whole=True)
    worn(capture, idle, peer)
    picture = capture.grab(whole=True).pixels.copy()
    assert (picture[19:23, 9:12] == ARROW).all() and (picture[:19] == 0).all()
    peer.move(40, 30)
    assert capture.wait(WAIT_S, idle)
    frame = capture.grab()
    assert frame.box == Box(8, 18, 34, 16), "where it was, and where it is"
    picture[18:34, 8:42] = frame.pixels
    assert (picture[29:33, 39:42] == ARROW).all() and (picture[:29] == 0).all()
    peer.draw(Box(0, 0, 64, 48), 7)
    assert capture.wait(WAIT_S, idle)
    assert (capture.grab().pixels[29:33, 39:42] == ARROW).all()
    capture.draw_pointer(is_drawn=False)
    assert capture.wait(WAIT_S, idle)
    frame = capture.grab()
    assert frame.box == Box(38, 28, 4, 6) and (frame.pixels == 7).all()
    capture.draw_pointer(is_drawn=True)
    assert capture.wait(WAIT_S, idle)
    assert (capture.grab(whole=True).pixels[29:33, 39:42] == ARROW).all()


def test_where_nothing_happens_nothing_is_asked_about_the_pointer(
    peer: Peer, capture: WaylandCapture, idle: int
) -> None:
    capture.grab(whole=True)
    worn(capture, idle, peer)
    capture.draw_pointer(is_drawn=False)
    until(capture, idle, lambda: capture._pointer is not None and capture._pointer.due_at_ns is None, grabs=True)
    capture._connection.roundtrip()  # it has heard the last question
    count = peer.asked_images
    assert not capture.wait(0.1, idle)
    capture._connection.roundtrip()
    assert peer.asked_images == count


def test_a_compositor_without_a_pointer_apart_has_it_in_the_picture(idle: int) -> None:
    peer = Peer(has_pointer_images=False)
    capture = WaylandCapture(lambda: peer.client)
    try:
        capture.grab(whole=True)
        capture.pointer_moved()
        until(capture, idle, lambda: capture._pointer is not None and capture._pointer.due_at_ns is None)
        assert capture.pointer is None and peer.opened == [0] and peer.asked_images == 0
    finally:
        capture.close()
        peer.close()


def test_a_compositor_that_refuses_the_pointer_paints_it(peer: Peer, capture: WaylandCapture, idle: int) -> None:
    capture.grab(whole=True)
    peer.stop(CURSOR)
    until(capture, idle, lambda: peer.opened == [0, 1], grabs=True)
    peer.draw(Box(2, 2, 4, 4), 5)
    until(capture, idle, lambda: (capture.grab(whole=True).pixels == peer.screen).all(), grabs=True)


def test_the_end_of_a_session_is_an_error(peer: Peer, capture: WaylandCapture, idle: int) -> None:
    capture.grab(whole=True)
    peer.stop(SCREEN)
    with pytest.raises(CaptureError, match="has ended the capture"):
        until(capture, idle, lambda: False, grabs=True)


def test_a_compositor_that_only_fails_is_given_up(
    peer: Peer, capture: WaylandCapture, idle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_copy, "_FAILING_S", 0.2)
    capture.grab(whole=True)
    peer.resize(96, 80)
    with pytest.raises(CaptureError, match="refuses"):
        until(capture, idle, lambda: False, grabs=True)


LIES: dict[str, list[tuple[Any, ...]]] = {
    "too large": [("buffer_size", 20_000, 20_000), ("shm_format", 1), ("done",)],
    "no format of ours": [("buffer_size", 64, 48), ("shm_format", 77), ("done",)],
    "words without end": [("shm_format", number) for number in range(200)],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_an_error_and_no_more(peer: Peer, capture: WaylandCapture, idle: int, lie: str) -> None:
    capture.grab(whole=True)
    with peer._lock:
        (session,) = [number for number, one in peer._sessions.items() if one.of == SCREEN]
        for words in LIES[lie]:
            peer.say(session, *words)
    peer.draw(Box(2, 2, 4, 4), 5)
    if lie == "words without end":
        until(capture, idle, lambda: (capture.grab(whole=True).pixels == peer.screen).all(), grabs=True)
        assert capture._copy is not None and len(capture._copy._session._formats) <= 64
        peer.resize(96, 80)
        peer.tell_size()
        until(capture, idle, lambda: capture.grab().width_px == 96, grabs=True)
        return
    with pytest.raises(CaptureError, match=r"can't be streamed|none of our formats"):
        until(capture, idle, lambda: False, grabs=True)


@pytest.mark.parametrize(("size", "hot"), [((600, 600), (0, 0)), ((8, 8), (-2_000_000, 2_000_000))])
def test_a_pointer_beyond_reason_is_none(
    peer: Peer, capture: WaylandCapture, idle: int, size: tuple[int, int], hot: tuple[int, int]
) -> None:
    capture.draw_pointer(is_drawn=False)
    capture.grab(whole=True)
    peer.enter()
    peer.wear(np.full((*size, 4), 255, np.uint8), hot)
    peer.move(2_000_000_000, -2_000_000_000)
    peer.draw(Box(2, 2, 4, 4), 5)
    until(capture, idle, lambda: (capture.grab(whole=True).pixels == peer.screen).all(), grabs=True)
    until(capture, idle, lambda: capture._pointer is not None and capture._pointer.due_at_ns is None, grabs=True)
    capture.draw_pointer(is_drawn=True)
    assert (capture.grab(whole=True).pixels == peer.screen).all(), "it lies far outside"
