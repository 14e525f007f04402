"""A compositor lives with the game, and may say anything: only `CaptureError` may come of it, and soon."""

from __future__ import annotations

import fcntl
import os
import random
import select
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from packages.stream.tests.engine.fake_compositor import WAIT_S, FakeCompositor

from dillinger_stream.capture import wayland as capture_module
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.wayland import WaylandCapture
from dillinger_stream.wayland import connection as connection_module
from dillinger_stream.wayland.connection import WaylandConnection
from dillinger_stream.wayland.wire import WireError, pack, unpack

DEADLINE_S = 0.3
GLOBALS = ("wl_shm", "wl_output", "zwlr_screencopy_manager_v1")


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """For those who are to fail."""
    monkeypatch.setattr(connection_module, "DEADLINE_S", DEADLINE_S)
    monkeypatch.setattr(capture_module, "DEADLINE_S", DEADLINE_S)


Answer = Callable[["Liar", int, int, list[Any]], None]


class Liar(FakeCompositor):
    """Says what `on_question` wants, to whoever asks for a picture."""

    def __init__(self, on_question: Answer) -> None:
        super().__init__(GLOBALS)
        self._on_question = on_question
        self.start()

    def asked(self, number: int, request: str, arguments: list[Any]) -> None:
        match request:
            case "capture_output":
                self.kinds[arguments[0]] = "zwlr_screencopy_frame_v1"
                self._on_question(self, arguments[0], -1, arguments)
            case "copy" | "copy_with_damage":
                self._on_question(self, number, 0, arguments)


@pytest.fixture
def tell() -> Iterator[Callable[[Answer], Liar]]:
    liars: list[Liar] = []

    def make(on_question: Answer) -> Liar:
        liars.append(Liar(on_question))
        return liars[-1]

    yield make
    for liar in liars:
        liar.close()


def offer(form: int = 1, width: int = 64, height: int = 48, stride: int = 256) -> Answer:
    """Says that the picture is like this, and that it is there, when it is told where."""

    def answer(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
        if opcode < 0:
            liar.say(frame, "buffer", form, width, height, stride)
        else:
            liar.say(frame, "ready", 0, 0, 0)

    return answer


def test_an_honest_one_is_believed_and_can_neither_shrink_nor_grow_our_memory(tell: Callable[[Answer], Liar]) -> None:
    liar = tell(offer())
    capture = WaylandCapture(lambda: liar.client)
    frame = capture.grab(whole=True)
    assert (frame.width_px, frame.height_px, frame.pixels.shape) == (64, 48, (48, 64, 4))
    for pool in liar.pools.values():
        for size_bytes in (0, 1 << 20):
            with pytest.raises(PermissionError):
                os.ftruncate(pool, size_bytes)
        with pytest.raises(PermissionError):
            fcntl.fcntl(pool, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    os.pwrite(next(iter(liar.pools.values())), b"\xff" * 64, 0)
    capture.close()
    assert frame.pixels.sum() >= 0, "a picture outlives its capture"


def _says(words: bytes) -> Answer:
    return lambda liar, frame, opcode, arguments: liar.say_raw(words)


def _hangs_up(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
    liar.socket.shutdown(socket.SHUT_RDWR)


def _says_nothing(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
    pass


def _talks_for_ever(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
    while True:  # until the other side hangs up
        liar.say(2, "global_remove", 7)


def _is_ready_without_a_place(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
    liar.say(frame, "ready", 0, 0, 0)


def _fails_always(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
    liar.say(frame, "failed")


def _is_upside_down(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
    offer()(liar, frame, opcode, arguments) if opcode < 0 else liar.say(frame, "flags", 1)


LIES: dict[str, Answer] = {
    "too wide": offer(width=20_000, stride=80_000),
    "too high": offer(height=16_385),
    "too large": offer(width=16_000, height=16_000, stride=64_000),
    "no size": offer(width=0, height=0, stride=0),
    "rows that overlap": offer(stride=252),
    "rows at odd places": offer(stride=257),
    "rows too far apart": offer(stride=1 << 20),
    "another order of colours": offer(form=0x34324258),
    "upside down": _is_upside_down,
    "ready without a place": _is_ready_without_a_place,
    "always failed": _fails_always,
    "silence": _says_nothing,
    "words without end": _talks_for_ever,
    "the end": _hangs_up,
    "a message shorter than its head": _says(struct.pack("=II", 1, 4 << 16)),
    "a message of odd length": _says(struct.pack("=II", 1, 9 << 16) + b"x"),
    "an event that there is not": _says(struct.pack("=II", 1, 8 << 16 | 7)),
    "an object that there is not": _says(struct.pack("=II", 77, 8 << 16)),
    "a string longer than its message": _says(struct.pack("=IIIII", 1, 20 << 16, 1, 0, 1 << 31)),
    "an error": _says(pack(1, 0, "ous", (1, 3, "no"))[0]),
    "a message with too much": _says(pack(1, 1, "uu", (1, 1))[0]),
}


@pytest.mark.usefixtures("short_deadlines")
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_a_capture_error(tell: Callable[[Answer], Liar], lie: str) -> None:
    liar = tell(LIES[lie])
    with pytest.raises(CaptureError):
        capture = WaylandCapture(lambda: liar.client)
        try:
            capture.grab(whole=True)
        finally:
            capture.close()


def test_damage_is_clipped_and_a_picture_that_changes_its_size_is_whole(tell: Callable[[Answer], Liar]) -> None:
    sizes = [64, 64, 32]

    def answer(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
        if opcode < 0 and sizes:
            width = sizes.pop(0)
            liar.say(frame, "buffer", 1, width, 48, width * 4)
        elif opcode >= 0:
            liar.say(frame, "damage", 60, 40, 0xFFFFFFFF, 1 << 31)
            liar.say(frame, "ready", 0, 0, 0)

    liar = tell(answer)
    capture = WaylandCapture(lambda: liar.client)
    idle = os.eventfd(0)
    boxes: list[tuple[int, ...]] = []
    while len(boxes) < 3 and (frame := capture.grab()):
        if frame.box.width:
            boxes.append((frame.width_px, frame.box.x, frame.box.y, frame.box.width, frame.box.height))
        if frame.width_px == 32:
            break
        capture.wait(WAIT_S, idle)
    os.close(idle)
    capture.close()
    assert boxes[0] == (64, 0, 0, 64, 48)
    assert boxes[-1] == (32, 0, 0, 32, 48)
    assert all(box[1:] in ((0, 0, 64, 48), (60, 40, 4, 8)) for box in boxes[:-1])


@pytest.mark.usefixtures("short_deadlines")
def test_no_bytes_do_more_than_end_the_capture(tell: Callable[[Answer], Liar]) -> None:
    """True words with bytes changed at random."""
    chance = random.Random(20)

    def noisy(liar: Liar, frame: int, opcode: int, arguments: list[Any]) -> None:
        honest = pack(frame, 0, "uuuu", (1, 64, 48, 256))[0] if opcode < 0 else pack(frame, 2, "uuu", (0, 0, 0))[0]
        words = bytearray(honest + pack(frame, 4, "uuuu", (1, 2, 3, 4))[0])
        for _ in range(chance.randrange(3)):
            words[chance.randrange(len(words))] = chance.randrange(256)
        liar.say_raw(bytes(words))

    for _ in range(40):
        liar = tell(noisy)
        try:
            capture = WaylandCapture(lambda liar=liar: liar.client)  # type: ignore[misc]
        except CaptureError:
            continue
        idle = os.eventfd(0)
        try:
            for _ in range(5):
                capture.wait(0.01, idle)
                capture.grab()
        except CaptureError:
            pass
        finally:
            capture.close()
            os.close(idle)


def test_descriptors_that_nobody_takes_are_closed(tell: Callable[[Answer], Liar]) -> None:
    liar = tell(_says_nothing)
    connection = WaylandConnection(liar.client)
    keyboard = connection.new_proxy("wl_keyboard", connection_module.ignore)
    reading, writing = os.pipe()
    data, _ = pack(keyboard.number, 0, "uhu", (1, writing, 9))
    socket.send_fds(liar.socket, [data], [writing])
    os.close(writing)
    assert connection.wait(WAIT_S)
    connection.read()
    assert select.select([reading], [], [], WAIT_S)[0], "there is no other end any more"
    os.close(reading)
    connection.close()


def test_words_that_fit_no_signature_are_refused() -> None:
    for signature, payload in (("u", b""), ("s", struct.pack("=I", 9) + b"abc\0"), ("a", b"\xff" * 4), ("h", b"abcd")):
        with pytest.raises(WireError):
            unpack(payload, signature, lambda: 3)
    assert unpack(pack(1, 0, "usaf", (7, "ä", b"xyz", -1.5))[0][8:], "usaf", lambda: 3) == [7, "ä", b"xyz", -1.5]
