"""Selkies from PyPI, at a pinned version, in a venv of its own: over WebSocket (its default) and over WebRTC.

It runs as its documentation says for a display that exists (`docs/native.md`), with its defaults for the encoder: H.264
by x264, every frame encoded ("Turbo"), constant bitrate. Not by default: our bitrate and rate, no congestion control
(the loopback carries all), no login, no sound (which costs it less), no resizing. Where its page is opened from another
machine, congestion control is on as by default, and it offers TCP beside UDP.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page

from dillinger_bench.measure import Case
from dillinger_bench.ports import free_port
from dillinger_contracts.errors import Unavailable

from .base import BITRATE_BPS, RATE_HZ, Mode
from .desk import DeskRunning, open_desk, open_process, wait_port

Way = Literal["websockets", "webrtc"]

PINS = "selkies.txt"
"""Selkies and all that it needs, with hashes (`uv pip compile --universal --generate-hashes`)."""
_INSTALL_TIMEOUT_S = 600.0
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Installation:
    """Where Selkies is, or will be."""

    folder: Path

    @property
    def program(self) -> Path:
        """Its command."""
        return self.folder / "bin/selkies"

    def ensure(self, tell: Callable[[str], None]) -> None:
        """Installs what the pins say, unless they are installed; raises `Unavailable`."""
        pins = resources.files(__package__).joinpath(PINS).read_text("utf-8")
        done = self.folder / PINS
        if done.is_file() and done.read_text("utf-8") == pins:
            return
        tell(f"installing Selkies into {self.folder}")
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            venv.create(self.folder, symlinks=True)
            wanted = self.folder / "wanted.txt"
            wanted.write_text(pins, "utf-8")
            uv = Path(sys.executable).parent / "uv"
            subprocess.run(
                (uv, "pip", "install", "-q", "--python", self.folder / "bin/python", "--require-hashes",
                 "--only-binary", ":all:", "--compile-bytecode", "-r", wanted),
                check=True, capture_output=True, timeout=_INSTALL_TIMEOUT_S,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            why = getattr(error, "stderr", None) or str(error).encode()
            raise Unavailable(
                f"Selkies can't be installed: {why.decode(errors='replace')[-600:]}",
                hint="It comes from PyPI: is there a network?",
            ) from error
        done.write_text(pins, "utf-8")


@dataclass(frozen=True, slots=True)
class Far:
    """Where a browser on another machine reaches it."""

    address: str
    port: int
    tcp_media_port: int
    """Of ICE over TCP, for networks without UDP."""

    @property
    def origin(self) -> str:
        """Of its page, which a browser has to take for a secure one."""
        return f"http://{self.address}:{self.port}"


def arguments(way: Way, port: int, far: Far | None = None) -> tuple[str, ...]:
    """Selkies' command line, without the program."""
    kbps = BITRATE_BPS // 1000
    same = (
        "--port", str(port), "--mode", way, "--enable-basic-auth", "false",
        "--audio-enabled", "false", "--encoder", "h264enc", "--use-cpu", "true",
        "--framerate", f"{RATE_HZ}-{RATE_HZ}", "--video-bitrate", f"{kbps}-{kbps}",
        "--rate-control-mode", "cbr", "--enable-resize", "false|locked",
    )  # fmt: skip
    if far is None:
        return ("--addr", _LOOPBACK, "--congestion-control", "false|locked", *same)
    media = ("--congestion-control", "true|locked", "--webrtc-tcp-mux-port", str(far.tcp_media_port))
    return ("--addr", f"{_LOOPBACK},{far.address}", *media, *same)


class SelkiesRunning(DeskRunning):
    """One Selkies on one desk."""

    def settle(self, page: Page) -> None:
        """Its page takes keys once it was clicked."""
        page.mouse.click(page.viewport_size["width"] * 0.75, page.viewport_size["height"] * 0.75)  # type: ignore[index]


class Selkies:
    """Selkies in one of its two modes."""

    has_input = True
    context: Mapping[str, Any] = {}

    def __init__(self, way: Way, folder: Path, far: Far | None = None) -> None:
        self.name = "selkies-websocket" if way == "websockets" else "selkies-webrtc"
        self._way: Way = way
        self._installation = Installation(folder)
        self._far = far

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Installs it."""
        self._installation.ensure(tell)

    @contextmanager
    def open(self, case: Case, mode: Mode, number: int) -> Iterator[SelkiesRunning]:
        """A display with the card, and a Selkies of its own for it."""
        far = self._far
        port = free_port() if far is None else far.port
        with open_desk(case, mode) as desk:
            command = (str(self._installation.program), *arguments(self._way, port, far))
            log = desk.folder / "selkies.log"
            with open_process(command, desk.environment, log) as process:
                wait_port(port, process, log)
                yield SelkiesRunning(desk, port, process.pid, far.origin if far else None)

    def close(self) -> None:
        """Nothing outlives a session."""
