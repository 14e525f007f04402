"""A display server lives with the game, and may do anything: only `CaptureError` may come of it, and soon."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dillinger_stream.capture import shm, xconnection
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.pointer_image import pointer_image
from dillinger_stream.capture.x11 import X11Capture

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter, XServer

SOON_S = 30.0
_BYTE_ORDER_AT = 30
"""In what a server says first: 1 for pixels whose first byte is the highest, which no capture takes."""


@pytest.fixture
def shorten_deadlines(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """For those who are to fail, from now on."""
    return lambda: monkeypatch.setattr(xconnection, "DEADLINE_S", 0.4)


class LyingServer:
    """Stands between a client and a real server, and gives `lie` every piece of what the server says."""

    def __init__(self, path: Path, real_path: str, lie: Callable[[int, bytes], bytes]) -> None:
        self.path = str(path)
        self._real_path = real_path
        self._lie = lie
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        real = socket.socket(socket.AF_UNIX)
        real.connect(self._real_path)
        upward = threading.Thread(target=self._pass_on, args=(client, real), daemon=True)
        upward.start()
        offset = 0
        while data := self._receive(real):
            told, offset = self._lie(offset, data), offset + len(data)
            try:
                client.sendall(told)
            except OSError:
                break
        for end in (client, real):
            end.close()
        upward.join(SOON_S)

    @staticmethod
    def _receive(end: socket.socket) -> bytes:
        try:
            return end.recv(65536)
        except OSError:
            return b""

    @staticmethod
    def _pass_on(client: socket.socket, real: socket.socket) -> None:
        """What the client says, with the descriptors that it hands over."""
        try:
            while True:
                data, descriptors, _, _ = socket.recv_fds(client, 65536, 4)
                if not data:
                    break
                socket.send_fds(real, [data], descriptors)
                for descriptor in descriptors:
                    os.close(descriptor)
        except OSError:
            pass
        finally:
            real.close() if real.fileno() < 0 else real.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self._thread.join(SOON_S)
        Path(self.path).unlink()


def use(path: str, painter: Painter) -> None:
    """What the pipeline does with a capture, while somebody draws in two places far apart."""
    wake_fd = os.eventfd(0)
    capture = None
    try:
        capture = X11Capture(path)
        capture.grab(whole=True)
        for x, y in ((10, 10), (600, 400)):
            painter.fill(0xFFFFFF, x, y, 4, 4)
        capture.wait(0.01, wake_fd)
        capture.pointer_moved()
        capture.grab()
        capture.grab(whole=True)
    finally:
        if capture is not None:
            capture.close()
        os.close(wake_fd)


def test_flipped_bytes_are_a_capture_error_or_nothing(
    xvfb: XServer, painter: Painter, tmp_path: Path, shorten_deadlines: Callable[[], None]
) -> None:
    shorten_deadlines()
    rng = random.Random(20)
    refused = 0
    for turn in range(60):
        place, value = rng.choice([rng.randrange(8, 700), rng.randrange(700, 12_000)]), rng.randrange(256)
        if not turn:
            place, value = _BYTE_ORDER_AT, 1

        def lie(offset: int, data: bytes, place: int = place, value: int = value) -> bytes:
            if offset <= place < offset + len(data):
                told = bytearray(data)
                told[place - offset] = value
                return bytes(told)
            return data

        server = LyingServer(tmp_path / f"X{turn}", xvfb.socket_path, lie)
        started = time.monotonic()
        try:
            use(server.path, painter)
        except CaptureError:
            refused += 1
        took_s = time.monotonic() - started
        server.close()
        assert took_s < SOON_S
    assert refused, "no lie was noticed: this test tests nothing"


def test_a_server_that_says_nothing_is_gone(tmp_path: Path, shorten_deadlines: Callable[[], None]) -> None:
    shorten_deadlines()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "X0"))
    listener.listen(1)
    started = time.monotonic()
    with pytest.raises(CaptureError):
        X11Capture(str(tmp_path / "X0"))
    assert time.monotonic() - started < SOON_S
    listener.close()


@pytest.mark.parametrize(
    "greeting", [b"\xff" * 4096, b"\x01" + bytes(4095), bytes(8), b"\x01\x00\x0b\x00\x00\x00\x00\x00"]
)
def test_a_nonsensical_greeting(tmp_path: Path, greeting: bytes, shorten_deadlines: Callable[[], None]) -> None:
    shorten_deadlines()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "X0"))
    listener.listen(1)

    def greet() -> None:
        client, _ = listener.accept()
        client.recv(4096)
        client.sendall(greeting)
        with contextlib.suppress(ConnectionResetError):
            client.recv(4096)
        client.close()

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    with pytest.raises(CaptureError):
        X11Capture(str(tmp_path / "X0"))
    thread.join(SOON_S)
    listener.close()


def test_a_stopped_server_counts_as_gone(xvfb: XServer, shorten_deadlines: Callable[[], None]) -> None:
    capture = X11Capture(xvfb.socket_path)
    try:
        os.kill(xvfb.process.pid, signal.SIGSTOP)
        shorten_deadlines()
        with pytest.raises(CaptureError):
            capture.grab(whole=True)
    finally:
        os.kill(xvfb.process.pid, signal.SIGCONT)
        capture.close()


def test_a_killed_server_ends_the_wait(xvfb: XServer) -> None:
    capture = X11Capture(xvfb.socket_path)
    capture.grab(whole=True)
    wake_fd = os.eventfd(0)
    threading.Timer(0.1, xvfb.process.kill).start()
    with pytest.raises(CaptureError):
        capture.wait(SOON_S, wake_fd)
    capture.close()
    os.close(wake_fd)


def test_abort_ends_the_wait(xvfb: XServer) -> None:
    capture = X11Capture(xvfb.socket_path)
    capture.grab(whole=True)
    wake_fd = os.eventfd(0)
    threading.Timer(0.1, capture.abort).start()
    with pytest.raises(CaptureError):
        capture.wait(SOON_S, wake_fd)
    capture.close()
    os.close(wake_fd)


def test_the_segment_can_be_neither_truncated_nor_grown(xvfb: XServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server holds the descriptor of the picture: whatever it does with it, reading the picture must not fault."""
    real = shm._load_xcb_shm()
    stolen: list[int] = []

    class Thief:
        @staticmethod
        def xcb_shm_attach_fd(connection: int, segment_id: int, descriptor: int, is_read_only: int) -> Any:
            stolen.append(os.dup(descriptor))
            return real.xcb_shm_attach_fd(connection, segment_id, descriptor, is_read_only)

    monkeypatch.setattr(shm, "_load_xcb_shm", lambda: Thief)
    capture = X11Capture(xvfb.socket_path)
    for size in (0, 1 << 30):
        with pytest.raises(PermissionError):
            os.ftruncate(stolen[0], size)
    with pytest.raises(PermissionError):
        fcntl.fcntl(stolen[0], fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    assert capture.grab(whole=True).pixels.shape == (480, 640, 4)
    capture.close()
    os.close(stolen[0])


@pytest.mark.parametrize(
    ("width", "height", "length"), [(513, 1, 4 * 513), (1, 60_000, 240_000), (8, 8, 255), (8, 8, 257), (0, 5, 4)]
)
def test_an_impossible_pointer_is_refused(width: int, height: int, length: int) -> None:
    with pytest.raises(CaptureError):
        pointer_image(width, height, 0, 0, bytes([255]) * length)


def test_a_hot_spot_outside_of_the_pointer_is_harmless() -> None:
    image = pointer_image(2, 2, 60_000, 60_000, bytes([255]) * 16)
    assert image.box_at(0, 0).x >= -2
