"""Gamepads for a cell on a machine without uinput: `interposer.c`, loaded into the game, finds them in a folder.

The cell's `/dev/input` is that folder, read-only there. Each gamepad is two unix sockets, `eventN` and `jsN`, out of
which a program reads the kernel's structs, those of its own word size, and `.padN` with what a driver would answer to
its questions. What comes from the game is hostile: records of one size, read in small bites, never waited for; a few
programs at a time, and not too many one after the other. On the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import MOST_PADS
from dillinger_stream.transport.bucket import TokenBucket

from .base import OnRumble
from .layout import REST, DeviceState, description, evdev_events, joydev_events
from .motors import Motors
from .rumble import CLOCK_REALTIME, RECORD, RECORD_32_BYTES, ForceFeedback, Strength, widened

log = structlog.get_logger()

_MOST_PROGRAMS = 32
"""That have one node open at a time."""
_BITE_BYTES = 32 * RECORD.size
_BITE_PAUSE_S = 0.05
"""Who says that much at once is heard again after this."""
_SEND_BUFFER_BYTES = 32_768
_CALLS_HZ, _CALLS_BURST = 50.0, 100.0


class _Program:
    """One opened node: what its reader has been told, and what is on its way."""

    def __init__(self, node: _Node, connection: socket.socket, *, is_32_bit: bool) -> None:
        self.feedback = ForceFeedback()
        self._is_32_bit = is_32_bit
        self._node = node
        self._connection = connection
        # It may have asked for the state before this, so whatever is not at rest is told again.
        self._told: DeviceState | None = None if node.is_joydev else REST
        self._unsent = b""
        self._heard = b""
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(connection.fileno(), self._on_readable)
        self.catch_up()

    def catch_up(self) -> None:
        """Tells it what has changed, unless it still has to take what it was told before."""
        if self._unsent:
            return
        state = self._node.pad.state
        if self._node.is_joydev:
            self._unsent = joydev_events(self._told, state, time.monotonic_ns() // 1_000_000)
        else:
            now_ns = (
                time.time_ns() if self.feedback.clock == CLOCK_REALTIME else time.clock_gettime_ns(self.feedback.clock)
            )
            self._unsent = evdev_events(self._told or REST, state, now_ns, is_32_bit=self._is_32_bit)
        self._told = state
        if self._unsent and not self._send():
            self._loop.add_writer(self._connection.fileno(), self._on_writable)

    def _send(self) -> bool:
        """Whether all of it is out, or never will be."""
        try:
            sent = self._connection.send(self._unsent, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError:  # its end is read, too
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        return not self._unsent

    def _on_writable(self) -> None:
        if self._send():
            self._loop.remove_writer(self._connection.fileno())
            self.catch_up()

    def _on_readable(self) -> None:
        try:
            bite = self._connection.recv(_BITE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            bite = b""
        if not bite:
            self._node.forget(self)
            return
        self._heard += bite
        now_ms = time.monotonic_ns() // 1_000_000
        size = RECORD_32_BYTES if self._is_32_bit else RECORD.size
        while len(self._heard) >= size:
            record, self._heard = self._heard[:size], self._heard[size:]
            self.feedback.take(widened(record) if self._is_32_bit else record, now_ms)
        if len(bite) == _BITE_BYTES:
            self._loop.remove_reader(self._connection.fileno())
            self._pause = self._loop.call_later(
                _BITE_PAUSE_S, self._loop.add_reader, self._connection.fileno(), self._on_readable
            )
        self._node.pad.rumble_soon()

    def close(self) -> None:
        """Ends its connection."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._connection.fileno())
        self._loop.remove_writer(self._connection.fileno())
        self._connection.close()


class _Node:
    """One socket in the folder, and who has it open."""

    def __init__(self, pad: InterposedPad, folder: Path, name: str) -> None:
        self.pad = pad
        self.is_joydev = name.startswith("js")
        self.programs: set[_Program] = set()
        self._path = folder / name
        self._listener = socket.socket(socket.AF_UNIX)
        self._calls = TokenBucket(rate_hz=_CALLS_HZ, burst=_CALLS_BURST)
        self._deaf: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        draft = folder / f".{name}"
        try:
            self._listener.bind(str(draft))
            self._listener.listen(_MOST_PROGRAMS)
            self._listener.setblocking(False)
            draft.rename(self._path)  # who watches the folder opens what appears at once
        except OSError as error:
            self._listener.close()
            raise Unavailable(f"No gamepad can be made at {self._path}: {error.strerror or error}") from error
        self._listen()

    def _listen(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._on_call)

    def _on_call(self) -> None:
        try:
            connection, name = self._listener.accept()
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                log.warning("pad_not_opened", error=str(error))
            return
        if wait_s := self._calls.take(time.monotonic()):
            self._loop.remove_reader(self._listener.fileno())
            self._deaf = self._loop.call_later(wait_s, self._listen)
        if len(self.programs) >= _MOST_PROGRAMS:
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self.programs.add(_Program(self, connection, is_32_bit=bool(name)))  # as `interposer.c` says it

    def forget(self, program: _Program) -> None:
        """A program has closed its device."""
        if program in self.programs:
            self.programs.remove(program)
            program.close()
            self.pad.rumble_soon()

    def close(self) -> None:
        """Takes the name away first, then ends who has it open."""
        self._path.unlink(missing_ok=True)
        if self._deaf is not None:
            self._deaf.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for program in self.programs:
            program.close()
        self.programs.clear()


class InterposedPad:
    """One gamepad."""

    def __init__(self, folder: Path, number: int, on_rumble: OnRumble) -> None:
        self.state = REST
        self._motors = Motors(on_rumble, self._asked)
        self._file = folder / f".pad{number}"
        self._nodes: list[_Node] = []
        try:
            self._fd = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Unavailable(f"No gamepad can be made at {self._file}: {error.strerror or error}") from error
        os.pwrite(self._fd, description(REST), 0)
        try:
            for name in (f"js{number}", f"event{number}"):
                self._nodes.append(_Node(self, folder, name))
        except BaseException:
            self.close()
            raise

    def show(self, state: DeviceState) -> None:
        """From now on it stands so."""
        if self._fd < 0 or state == self.state:
            return
        self.state = state
        os.pwrite(self._fd, description(state), 0)  # before the events: who reads those may ask for this
        for node in self._nodes:
            for program in node.programs:
                program.catch_up()

    def rumble_soon(self) -> None:
        """Something was asked of the motors."""
        if self._fd >= 0:
            self._motors.soon()

    def _asked(self, now_ms: int) -> Iterator[Strength]:
        return (program.feedback.strength(now_ms) for node in self._nodes for program in node.programs)

    def close(self) -> None:
        """Unplugs it; idempotent."""
        if self._fd < 0:
            return
        self._motors.close()
        for node in self._nodes:
            node.close()
        self._file.unlink(missing_ok=True)
        os.close(self._fd)
        self._fd = -1


class InterposedPads:
    """The folder that a cell has as `/dev/input`."""

    def __init__(self, folder: Path, library: str) -> None:
        """`folder` has to be there before the cell is; `library` is the interposer's path in the cell."""
        self._folder = folder
        self._library = library
        self._plugged: dict[int, InterposedPad] = {}

    @property
    def variables(self) -> dict[str, str]:
        """The library, and for SDL: no udev, which would look for the devices where only a kernel shows them."""
        return {"LD_PRELOAD": self._library, "SDL_JOYSTICK_DISABLE_UDEV": "1"}

    def plug(self, number: int, on_rumble: OnRumble) -> InterposedPad:
        """A gamepad at rest; raises `Unavailable`."""
        assert 0 <= number < MOST_PADS
        pad = self._plugged[number] = InterposedPad(self._folder, number, on_rumble)
        return pad

    def close(self) -> None:
        """Unplugs what is left; idempotent."""
        for pad in self._plugged.values():
            pad.close()
        self._plugged.clear()
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)
