"""`dillinger-stream` as a person has it: a process beside a real X server, and viewers that come by its address."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from dillinger_contracts.input import InputEvent, Shown, encode
from dillinger_contracts.media import KIND_PICTURE, KIND_SOUND, PICTURE_HEADER_BYTES
from dillinger_contracts.signaling import SIGNALING_VERSION, SUBPROTOCOL, Hello

DEADLINE_S = 30.0
PAGE = "<!doctype html><title>Desktop</title>"


def wait_for(fact: Callable[[], Any], what: str, *, look_s: float = 0.02) -> Any:
    """What `fact` says once that is true of it."""
    until = time.monotonic() + DEADLINE_S
    while not (found := fact()):
        assert time.monotonic() < until, f"waited {DEADLINE_S:g} s in vain for {what}"
        time.sleep(look_s)
    return found


@dataclass
class Program:
    """One `dillinger-stream start`."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._coming: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def line(self, start: str) -> str:
        """The rest of the first line that begins with `start`."""
        for line in self.lines:
            if line.startswith(start):
                return line.removeprefix(start)
        until = time.monotonic() + DEADLINE_S
        while (line_ := self._coming.get(timeout=max(0.01, until - time.monotonic()))) is not None:
            self.lines.append(line_)
            if line_.startswith(start):
                return line_.removeprefix(start)
        raise AssertionError(f"it ended with {self.process.wait(DEADLINE_S)} and said {self.lines}")

    @property
    def address(self) -> str:
        return self.line("  play   ")

    @property
    def watch_address(self) -> str:
        return self.line("  watch  ")

    def end(self) -> tuple[int, str]:
        """Waits for the end: exit code, and what it said on standard error."""
        assert self.process.stderr is not None
        code = self.process.wait(DEADLINE_S)
        return code, self.process.stderr.read()


class Shelf:
    """Where a test's programs live: a runtime folder of their own, a page, and no settings of anybody."""

    def __init__(self, folder: Path) -> None:
        self.runtime_dir = folder / "run"
        self.web_dir = folder / "web"
        self.web_dir.mkdir()
        (self.web_dir / "desktop.html").write_text(PAGE)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DILLINGER_", "XDG_", "WAYLAND_", "PULSE_", "DISPLAY", "XAUTHORITY"))
        } | {
            "HOME": str(folder),
            "PULSE_RUNTIME_PATH": str(folder / "pulse-runtime"),  # its clients make one in /tmp else, and leave it
            "DILLINGER_RUNTIME_DIR": str(self.runtime_dir),
            "DILLINGER_STREAM_SERVER_WEB_DIR": str(self.web_dir),
        }  # fmt: skip
        self.programs: list[Program] = []

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself."""
        return subprocess.run(
            [sys.executable, "-m", "dillinger_stream.program", *words], env=self.environment | environment,
            capture_output=True, text=True, timeout=2 * DEADLINE_S, check=False,
        )  # fmt: skip

    def start(self, *words: str, **environment: str) -> Program:
        """A program that may go on."""
        program = Program(
            subprocess.Popen(
                [sys.executable, "-m", "dillinger_stream.program", "start", "--port", "0", *words],
                env=self.environment | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        self.programs.append(program)
        return program

    def status(self) -> dict[str, Any]:
        """What `status --json` tells."""
        found: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return found

    def close(self) -> None:
        """Nothing goes on."""
        for program in self.programs:
            with contextlib.suppress(ProcessLookupError):
                program.process.kill()
            program.process.wait(DEADLINE_S)
            for stream in (program.process.stdout, program.process.stderr):
                if stream is not None:
                    stream.close()


@contextlib.contextmanager
def open_shelf() -> Iterator[Shelf]:
    """A shelf in a folder of its own; nothing of it is left afterwards."""
    # Not pytest's own folder: sockets want short paths.
    folder = Path(tempfile.mkdtemp(prefix="dst-"))
    shelf = Shelf(folder)
    try:
        yield shelf
    finally:
        shelf.close()
        shutil.rmtree(folder, ignore_errors=True)


class Viewer:
    """A browser in small: it says hello with the address's key, decodes what comes, and says what it has shown."""

    def __init__(self, address: str, *, key: str | None = None, origin: str | None = None) -> None:
        base, _, own_key = address.partition("#")
        url = base.replace("http", "ws", 1) + "stream"
        self._stack = contextlib.ExitStack()
        self.socket: ClientConnection = self._stack.enter_context(
            connect(
                url, subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=None, proxy=None, close_timeout=1,
                open_timeout=DEADLINE_S, origin=None if origin is None else Origin(origin),
            )
        )  # fmt: skip
        self.messages: list[dict[str, Any]] = []
        self.sounds = 0
        self.colour: tuple[int, int, int] | None = None
        """Of the last picture, in the middle of its upper left quarter (the pointer is in the middle): Y, U, V."""
        self.size: tuple[int, int] | None = None
        self.close_code: int | None = None
        codec: Any = av.CodecContext.create("h264", "r")
        codec.thread_count = 1
        codec.flags |= 1 << 19  # AV_CODEC_FLAG_LOW_DELAY
        self._codec = codec
        wish = Hello(version=SIGNALING_VERSION, ticket=key or own_key, transport="websocket", is_webrtc_able=False)
        self.socket.send(wish.model_dump_json())

    def do(self, event: InputEvent) -> None:
        self.socket.send(encode(event))

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The text messages of one kind, so far."""
        return [message for message in self.messages if message["type"] == kind]

    def until(self, fact: Callable[[Viewer], Any], what: str) -> Any:
        """Reads until `fact` is true."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := fact(self)):
            left_s = deadline - time.monotonic()
            assert left_s > 0, (
                f"waited in vain for {what}; shown {self.colour}, heard {self.messages}, closed {self.close_code}"
            )
            try:
                self._take(self.socket.recv(timeout=min(left_s, 0.2)))
            except TimeoutError:
                continue
            except ConnectionClosed as closed:
                self.close_code = closed.rcvd.code if closed.rcvd else 1006
                found = fact(self)
                assert found, f"closed with {self.close_code} before {what}: {self.messages}"
                return found
        return found

    def until_closed(self) -> int:
        """Reads to the end; the close code."""
        self.until(lambda viewer: viewer.close_code is not None, "the close")
        assert self.close_code is not None
        return self.close_code

    def close(self) -> None:
        self._stack.close()

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.messages.append(json.loads(message))
        elif message[0] == KIND_SOUND:
            self.sounds += 1
        elif message[0] == KIND_PICTURE:
            for frame in self._codec.decode(av.Packet(message[PICTURE_HEADER_BYTES:])):
                planes = frame.to_ndarray(format="yuv420p")
                width, height = frame.width, frame.height
                chroma = planes[height:].reshape(2, height // 2, width // 2)
                at = (height // 8, width // 8)
                self.colour = int(planes[height // 4, width // 4]), int(chroma[0][at]), int(chroma[1][at])
                self.size = (width, height)
            with contextlib.suppress(ConnectionClosed):  # what came before the end is still to be read
                self.do(Shown(frame=int.from_bytes(message[4:8], "little"), decode_us=500, draw_us=500))
