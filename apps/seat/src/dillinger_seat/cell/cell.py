"""A cell as its seat holds it: the sandbox's process, the socket to its init, the parts that run inside.

All on the seat's loop; the sandbox must be started from the main thread, since it dies with the thread that made it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from dillinger_contracts.errors import Internal, Unavailable, Unsupported
from dillinger_contracts.session import SeatSpec

from . import sandbox
from .cgroup import entering
from .memfile import memory_file
from .output import OutputLog
from .paths import INIT_FILE, sandbox_spec
from .seccomp import filter_program

log = structlog.get_logger()

GUEST = "guest"
UP_TIMEOUT_S = 10.0
_KILL_WAIT_S = 5.0
_MAX_LINE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Program:
    """What to start inside."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    listen_fd: int | None = None
    """A listening socket that it takes over (sd_listen_fds(3)): one of the cell's `listen_fds`, …"""
    listen_path: str | None = None
    """… or one that init makes at this path, and keeps over restarts."""
    wants_ready: bool = False
    """Whether `{ready_fd}` in argv is to become a descriptor that the program writes a line to when it is ready."""
    oom_score_adj: int = 0
    file_bytes: int = 1 << 40


@dataclass(frozen=True, slots=True)
class PartExit:
    """How a part ended: exactly one of code and signal is known, neither when its cell went first."""

    code: int | None
    signal: str | None
    survivors: int = 0
    """Processes that the guest left behind."""

    def __str__(self) -> str:
        if self.signal:
            return f"was ended by {self.signal}"
        return "is gone" if self.code is None else f"exited with code {self.code}"


class PartFailed(Unavailable):
    """A program could not be started; `errno` says why."""

    def __init__(self, part: str, number: int, program: str) -> None:
        super().__init__(f"{program} can't be started in the cell ({part}): {os.strerror(number)}")
        self.errno = number


@dataclass(slots=True)
class Part:
    """A running program of the cell."""

    name: str
    program: str
    started: asyncio.Future[int]
    ready: asyncio.Future[str]
    ended: asyncio.Future[PartExit]

    @classmethod
    def new(cls, name: str, program: str) -> Part:
        """With nothing known yet."""
        loop = asyncio.get_running_loop()
        return cls(name, program, loop.create_future(), loop.create_future(), loop.create_future())

    def end(self, how: PartExit) -> None:
        """Settles what is still open."""
        gone = Unavailable(f"The {self.name} {how}")
        for future in (self.started, self.ready):
            if not future.done():
                future.set_exception(gone)
                future.exception()  # nobody may be waiting
        if not self.ended.done():
            self.ended.set_result(how)


@dataclass(slots=True)
class Cell:
    """One sandbox and its init. Make it with `start`, end it with `close`."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    own_log: OutputLog
    guest_log: OutputLog
    inherited_fds: tuple[int, ...]
    up: asyncio.Future[None]
    ended: asyncio.Future[str]
    """Done when the sandbox is gone, with a word of how."""
    alone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while nothing of the guest runs."""
    parts: dict[str, Part] = field(default_factory=dict)
    _buffer: bytes = b""
    _pidfd: int = -1

    @classmethod
    async def start(cls, spec: SeatSpec, *, listen_fds: tuple[int, ...] = ()) -> Cell:
        """The sandbox of `spec`, its init up. Raises `Unsupported` (no sandbox to be had) or `Unavailable`."""
        session_dir = Path(spec.session_dir)
        ours, theirs = socket.socketpair()
        own_log = OutputLog(session_dir / "cell.log")
        guest_log = OutputLog(session_dir / "guest.log")
        inherited = (theirs.fileno(), own_log.write_fd, guest_log.write_fd, *listen_fds)
        loop = asyncio.get_running_loop()
        try:
            process = _spawn(spec, theirs.fileno(), own_log.write_fd, inherited)
        except FileNotFoundError as error:
            own_log.close()
            guest_log.close()
            ours.close()
            raise Unsupported(
                f"The sandbox can't be started: {error.filename} is missing", hint="apt install bubblewrap"
            ) from error
        finally:
            theirs.close()
        ours.setblocking(False)
        cell = cls(process, ours, own_log, guest_log, inherited, loop.create_future(), loop.create_future())
        cell.alone.set()
        cell._pidfd = os.pidfd_open(process.pid)
        loop.add_reader(cell._pidfd, cell._on_exit)
        loop.add_reader(ours.fileno(), cell._on_readable)
        try:
            await cell._wait_up()
        except BaseException:
            await cell.close()
            raise
        return cell

    async def _wait_up(self) -> None:
        try:
            async with asyncio.timeout(UP_TIMEOUT_S):
                await self.up
        except TimeoutError:
            raise Unavailable(f"The cell's init was not up after {UP_TIMEOUT_S:g} s") from None

    async def run(self, name: str, program: Program) -> Part:
        """Starts `program` as the part `name`; raises `PartFailed` or `Unavailable`."""
        if self.ended.done():
            raise Unavailable("The cell is gone")
        part = Part.new(name, program.argv[0])
        self.parts[name] = part
        is_guest = name == GUEST
        if is_guest:
            self.alone.clear()
        log_fd = self.inherited_fds[2] if is_guest else self.inherited_fds[1]
        await self._send(
            do="start",
            part=name,
            argv=program.argv,
            env=program.env,
            cwd=program.cwd,
            out_fd=log_fd,
            listen_fd=program.listen_fd,
            listen_path=program.listen_path,
            wants_ready=program.wants_ready,
            oom_score_adj=program.oom_score_adj,
            file_bytes=program.file_bytes,
        )
        await part.started
        return part

    async def signal(self, name: str, number: signal.Signals) -> None:
        """Signals a part; `guest` is all that the guest has started too. Nothing happens where nothing runs."""
        if not self.ended.done():
            with contextlib.suppress(OSError):
                await self._send(do="signal", part=name, signal=int(number))

    async def close(self) -> None:
        """Ends everything inside and waits for it; idempotent."""
        loop = asyncio.get_running_loop()
        if self.control.fileno() >= 0:
            loop.remove_reader(self.control.fileno())
            self.control.close()  # the init's cue to kill all and exit
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_WAIT_S):
                await asyncio.shield(self.ended)
        if not self.ended.done():
            log.warning("cell_killed", pid=self.process.pid)
            self.process.kill()
            await self.ended
        self.own_log.close()
        self.guest_log.close()

    async def _send(self, **message: Any) -> None:
        await asyncio.get_running_loop().sock_sendall(self.control, json.dumps(message).encode() + b"\n")

    def _on_readable(self) -> None:
        try:
            chunk = self.control.recv(_MAX_LINE_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            chunk = b""
        if not chunk or len(self._buffer) > _MAX_LINE_BYTES:
            asyncio.get_running_loop().remove_reader(self.control.fileno())
            return  # the sandbox's end follows and is told by its pidfd
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["is"]
        if kind == "up":
            self.own_log.handed_over()
            self.guest_log.handed_over()
            self.up.set_result(None)
            return
        if kind == "alone":
            self.alone.set()
            return
        part = self.parts[message["part"]]
        match kind:
            case "started":
                part.started.set_result(message["pid"])
            case "ready":
                part.ready.set_result(message["value"])
            case "failed":
                part.started.set_exception(PartFailed(part.name, message["errno"], part.program))
                if part.name == GUEST:
                    self.alone.set()
            case "ended":
                number = message["signal"]
                name = None if number is None else signal.Signals(number).name
                if part.name == GUEST and not message["survivors"]:
                    self.alone.set()
                part.end(PartExit(message["code"], name, message["survivors"]))
            case _:
                raise Internal(f"The cell's init said {kind!r}")

    def _on_exit(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self.process.wait()
        if self.control.fileno() >= 0:
            with contextlib.suppress(OSError, ValueError):
                self._on_readable()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        self.alone.set()
        self.ended.set_result(how)
        if not self.up.done():
            said = " ".join(self.own_log.tail()[-3:]) or "it said nothing"
            self.up.set_exception(Unavailable(f"The cell's sandbox {how}: {said}", hint="Run `dillinger doctor`"))
        for part in self.parts.values():
            part.end(PartExit(None, None))


def _spawn(spec: SeatSpec, control_fd: int, log_fd: int, inherited: tuple[int, ...]) -> subprocess.Popen[bytes]:
    init = [sandbox.PYTHON, "-I", "-S"]
    with contextlib.ExitStack() as files:
        data: dict[str, int] = {}
        if spec.isolation == "bubblewrap":
            cell = sandbox_spec(spec)
            for name, text in sandbox.contents(cell, filter_program(os.uname().machine)).items():
                data[name] = files.enter_context(memory_file(name, text)).fileno()
            argv = sandbox.sandbox_argv(cell, sandbox.DataFds(**data), [*init, sandbox.INIT, str(control_fd)])
        else:
            argv = [*init, str(INIT_FILE), str(control_fd)]
        return subprocess.Popen(
            entering(spec.cell_cgroup, argv),
            stdin=subprocess.DEVNULL,
            stdout=log_fd,
            stderr=log_fd,
            pass_fds=(*inherited, *data.values()),
            cwd="/",
            env={"PATH": sandbox.PATH},
        )
