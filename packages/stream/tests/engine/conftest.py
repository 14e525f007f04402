"""A real Xvfb, and a client that draws on it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import xcffib
import xcffib.xproto
from packages.stream.tests.engine.codec_parts import last_picture

from dillinger_contracts.errors import DillingerError
from dillinger_stream.capture.x11 import X11Capture
from dillinger_stream.capture.xconnection import XConnection
from dillinger_stream.frames import AccessUnit

WAIT_S = 30.0
_LOOK_S = 0.01


@dataclass
class XServer:
    """One Xvfb, on the display number that it chose."""

    process: subprocess.Popen[bytes]
    number: int

    @property
    def socket_path(self) -> str:
        return f"/tmp/.X11-unix/X{self.number}"

    @property
    def name(self) -> str:
        return f":{self.number}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(WAIT_S)


def start_xvfb(size: str = "640x480", *extra: str) -> XServer:
    read_fd, write_fd = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    process = subprocess.Popen([*command, *extra], pass_fds=[write_fd], stderr=subprocess.DEVNULL)
    os.close(write_fd)
    with os.fdopen(read_fd) as reader:
        line = reader.readline().strip()
    assert line, "Xvfb did not start"
    return XServer(process, int(line))


@pytest.fixture
def xvfb() -> Iterator[XServer]:
    server = start_xvfb()
    yield server
    server.end()


@pytest.fixture
def capture(xvfb: XServer) -> Iterator[X11Capture]:
    """Of the whole desktop."""
    source = X11Capture(xvfb.socket_path)
    yield source
    source.close()


@pytest.fixture
def wake_fd() -> Iterator[int]:
    """What a capture that waits can be woken by."""
    fd = os.eventfd(0)
    yield fd
    os.close(fd)


@pytest.fixture
def start_display() -> Iterator[Callable[..., XServer]]:
    servers: list[XServer] = []

    def start(size: str = "640x480", *extra: str) -> XServer:
        servers.append(start_xvfb(size, *extra))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


def catch_up(connection: XConnection) -> None:
    """Returns when the server has done what this connection asked for, and all has come that it was told by then.

    What one client has sent without waiting, another one's request may overtake; and an answer to one comes before what
    the server has to tell the others.
    """
    connection.reply(connection.raw.core.GetInputFocus())


class Painter:
    """A client with one window over the whole desktop, by xcffib's own connection."""

    def __init__(self, display: str, *, width: int = 640, height: int = 480, has_window: bool = True) -> None:
        self.connection: Any = xcffib.connect(display)  # type: ignore[no-untyped-call]
        screen = self.connection.get_setup().roots[0]
        core: Any = self.connection.core  # type: ignore[has-type]
        self.core = core
        self.root = screen.root
        self.window = self.root
        if has_window:
            self.window = self.open_window(0, 0, width, height)
        self.context = self.connection.generate_id()
        self.core.CreateGC(self.context, self.window, xcffib.xproto.GC.Foreground, [0])
        self.sync()

    def open_window(self, x: int, y: int, width: int, height: int, *, is_mapped: bool = True) -> int:
        window: int = self.connection.generate_id()
        screen = self.connection.get_setup().roots[0]
        self.core.CreateWindow(
            screen.root_depth, window, self.root, x, y, width, height, 0,
            xcffib.xproto.WindowClass.InputOutput, screen.root_visual, xcffib.xproto.CW.BackPixel, [0],
        )  # fmt: skip
        if is_mapped:
            self.core.MapWindow(window)
        self.sync()
        return window

    def fill(self, color: int, x: int, y: int, width: int, height: int) -> None:
        """`color` is 0xRRGGBB."""
        self.core.ChangeGC(self.context, xcffib.xproto.GC.Foreground, [color])
        rectangle = xcffib.xproto.RECTANGLE.synthetic(x, y, width, height)  # type: ignore[no-untyped-call]
        self.core.PolyFillRectangle(self.window, self.context, 1, [rectangle])
        self.sync()

    def put(self, bgrx: bytes, x: int, y: int, width: int, height: int) -> None:
        self.core.PutImage(
            xcffib.xproto.ImageFormat.ZPixmap, self.window, self.context, width, height, x, y, 0, 24, len(bgrx), bgrx
        )
        self.sync()

    def warp(self, x: int, y: int) -> None:
        self.core.WarpPointer(0, self.root, 0, 0, 0, 0, x, y)
        self.sync()

    def sync(self) -> None:
        self.core.GetInputFocus().reply()

    def close(self) -> None:
        self.connection.disconnect()


@pytest.fixture
def painter(xvfb: XServer) -> Iterator[Painter]:
    client = Painter(xvfb.name)
    yield client
    client.close()


@pytest.fixture
def bare_painter(xvfb: XServer) -> Iterator[Painter]:
    """Draws nothing until told."""
    client = Painter(xvfb.name, has_window=False)
    yield client
    client.close()


@dataclass
class Witness:
    """Collects what a pipeline says, and waits for facts."""

    units: list[AccessUnit] = field(default_factory=list)
    restarts: list[tuple[str, str]] = field(default_factory=list)
    failures: list[DillingerError] = field(default_factory=list)

    def restarted(self, part: str, message: str) -> None:
        self.restarts.append((part, message))

    def until(self, fact: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_S
        while not fact():
            assert time.monotonic() < until, f"no such fact: {len(self.units)} units, {self.restarts}, {self.failures}"
            time.sleep(0.002)

    def until_seen(self, fact: Callable[[Any], bool]) -> None:
        """Waits until `fact` is true of the picture that a viewer sees, (height, width, 3) of red, green and blue."""
        looked_at = 0

        def is_seen() -> bool:
            nonlocal looked_at
            units = list(self.units)
            is_new, looked_at = len(units) > looked_at, len(units)
            return is_new and fact(last_picture(units))

        self.until(is_seen)

    def quiet(self, for_s: float = 0.8) -> int:
        """Waits until no unit came for `for_s`; how many there are then.

        It counts looks, not time: while the whole machine stands still nobody makes units.
        """
        until = time.monotonic() + WAIT_S + for_s
        count, looks = len(self.units), 0
        while looks * _LOOK_S < for_s:
            assert time.monotonic() < until, "units keep coming"
            time.sleep(_LOOK_S)
            looks = looks + 1 if len(self.units) == count else 0
            count = len(self.units)
        return count

    def rest(self) -> int:
        """Waits for the first unit, and until no more come; how many there are then."""
        self.until(lambda: bool(self.units))
        return self.quiet()

    def has_all(self) -> bool:
        """Whether none of the units so far is missing."""
        sequences = [unit.sequence for unit in list(self.units)]
        return sequences == list(range(len(sequences)))


@pytest.fixture
def witness() -> Witness:
    return Witness()
