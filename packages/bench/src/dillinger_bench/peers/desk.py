"""A display with the test card on it, for a product that brings none: what our own cell has, without the cell.

The same X server with the same arguments and the same card. Blocking; one thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from playwright.sync_api import Page

from dillinger_bench import testcard
from dillinger_bench.measure import Case
from dillinger_contracts.errors import Unavailable

from .base import DISPLAY_SERVER, Mode

_STOP_TIMEOUT_S = 10.0
_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where X servers listen
SYSTEM_PYTHON = "/usr/bin/python3"
"""The one that sees Debian's Python packages, and the one that a cell has."""
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class Desk:
    """A display with the card on it."""

    asked_at: float
    """When it was asked for, wall-clock seconds."""
    number: int
    server_pid: int
    folder: Path
    """A home and runtime folder of its own, for whatever streams it."""

    @property
    def socket(self) -> Path:
        """Where the display server listens."""
        return _SOCKETS / f"X{self.number}"

    @property
    def environment(self) -> dict[str, str]:
        """For programs of this display."""
        return environment(self.folder) | {"DISPLAY": f":{self.number}"}


class DeskRunning:
    """A program that streams one desk."""

    def __init__(self, desk: Desk, port: int, pid: int, origin: str | None = None) -> None:
        """`pid` is the program's; its page is at `origin`, or else where it listens on the loopback."""
        self.asked_at, self.tcp_port = desk.asked_at, port
        self.url = f"{origin or f'http://127.0.0.1:{port}'}/"
        self._desk, self._pid = desk, pid

    def display(self) -> tuple[Path, bytes | None]:
        """The desk's."""
        return self._desk.socket, None

    def roots(self) -> tuple[Iterable[int], Iterable[int]]:
        """The program and its display server, all of the session."""
        both = (self._pid, self._desk.server_pid)
        return both, both

    def settle(self, page: Page) -> None:
        """There is nothing to settle."""


def environment(home: Path) -> dict[str, str]:
    """What a program gets of ours: no settings, no sound server, a home of its own."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PYTHONUNBUFFERED": "1"}


@contextmanager
def open_desk(case: Case, mode: Mode) -> Iterator[Desk]:
    """Starts an X server in the case's size and the card on it; ends both with the block. Raises `Unavailable`."""
    asked_at = time.time()
    with tempfile.TemporaryDirectory(prefix="dl-desk-") as name:
        folder = Path(name)
        with resources.as_file(resources.files(testcard).joinpath("guest.py")) as guest:
            card = shutil.copyfile(guest, folder / "testcard.py")
        reading, writing = os.pipe()
        server_command = (
            DISPLAY_SERVER, "-displayfd", str(writing), "-screen", "0", f"{case.width_px}x{case.height_px}x24",
            "-noreset", "-nolisten", "tcp", "-dpi", "96",
        )  # fmt: skip
        with open_process(server_command, environment(folder), folder / "display.log", keep=writing) as server:
            os.close(writing)
            with open(reading, "rb") as ready:  # noqa: PTH123 - a pipe
                told = ready.readline()
            if not told.strip().isdigit():
                raise Unavailable(f"The display server did not start: {(folder / 'display.log').read_text()[-500:]}")
            desk = Desk(asked_at, int(told), server.pid, folder)
            command = (SYSTEM_PYTHON, "-I", str(card), "--mode", mode)
            with open_process(command, desk.environment, folder / "card.log"):
                yield desk


@contextmanager
def open_process(
    command: tuple[str, ...], variables: Mapping[str, str], log: Path, *, keep: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that ends with the block, its output in `log`; `keep` is a descriptor that it inherits."""
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                command, env=dict(variables), cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                pass_fds=() if keep is None else (keep,), process_group=0,
            )  # fmt: skip
        except OSError as error:
            raise Unavailable(f"{command[0]} can't be started: {error}") from error
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_port(port: int, process: subprocess.Popen[bytes], log: Path, timeout_s: float = 30.0) -> None:
    """Returns as soon as `process` takes connections on a loopback port; raises `Unavailable` with its log's end."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(f"{process.args!r} does not answer: {log.read_text('utf-8', 'replace')[-600:]}")
        time.sleep(0.005)
