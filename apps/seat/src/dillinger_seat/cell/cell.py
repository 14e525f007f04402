"""A cell as its seat holds it: the socket to its init, the parts that run inside, and what they print.

All on the seat's loop; a sandbox must be started from the main thread, since it dies with the thread that made it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog

from dillinger_contracts.errors import Internal, Unavailable
from dillinger_contracts.session import SeatSpec

from .enclosure import ContainerEnclosure, Enclosure, ProcessEnclosure
from .game_folder import GameFolder
from .output import OutputLog

T = TypeVar("T")

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


class CellGone(Unavailable):
    """All that ran inside ended with its enclosure."""

    def __init__(self) -> None:
        super().__init__("The session's cell is gone")


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
        is_known = how.signal is not None or how.code is not None
        gone = Unavailable(f"The {self.name} {how}") if is_known else CellGone()
        for future in (self.started, self.ready):
            if not future.done():
                future.set_exception(gone)
                future.exception()  # nobody may be waiting
        if not self.ended.done():
            self.ended.set_result(how)


@dataclass(slots=True)
class Cell:
    """One enclosure and its init. Make it with `start`, end it with `close`."""

    enclosure: Enclosure
    control: socket.socket
    own_log: OutputLog
    guest_log: OutputLog
    up: asyncio.Future[None]
    ended: asyncio.Future[str]
    """Done when the enclosure is gone, with a word of how."""
    alone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while nothing of the guest runs."""
    parts: dict[str, Part] = field(default_factory=dict)
    oom_kills: int = 0
    """How many processes the kernel has killed for want of memory, where init can tell (in a container)."""
    _log_fds: tuple[int, int] = (-1, -1)
    _callers: deque[asyncio.Future[socket.socket]] = field(default_factory=deque)
    """Who waits for a connection to a server inside, in the order in which they asked."""
    _sockets: deque[int] = field(default_factory=deque)
    _oom_kills_before: int = 0
    _buffer: bytes = b""

    @classmethod
    async def start(cls, spec: SeatSpec, folder: GameFolder, *, listen_fds: tuple[int, ...] = ()) -> Cell:
        """The cell of `spec` with `folder` as the game's own, its init up. Raises `Unsupported` (no sandbox to be had)
        or `Unavailable`."""
        session_dir = Path(spec.session_dir)
        own_log = OutputLog(session_dir / "cell.log")
        guest_log = OutputLog(session_dir / "guest.log")
        descriptors = (own_log.write_fd, guest_log.write_fd, *listen_fds)
        loop = asyncio.get_running_loop()
        enclosure: Enclosure
        try:
            if spec.isolation == "container":
                enclosure, control = await ContainerEnclosure.await_init(spec, folder, descriptors)
            else:
                enclosure, control = ProcessEnclosure.start(spec, folder, descriptors)
        except BaseException:
            own_log.close()
            guest_log.close()
            raise
        cell = cls(enclosure, control, own_log, guest_log, loop.create_future(), loop.create_future())
        cell._log_fds = (own_log.write_fd, guest_log.write_fd)
        cell.alone.set()
        enclosure.ended.add_done_callback(cell._on_gone)
        loop.add_reader(control.fileno(), cell._on_readable)
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
            raise CellGone
        part = Part.new(name, program.argv[0])
        self.parts[name] = part
        is_guest = name == GUEST
        if is_guest:
            self.alone.clear()
        log_fd = self._log_fds[is_guest]
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
            with contextlib.suppress(Unavailable):
                await self._send(do="signal", part=name, signal=int(number))

    async def connect(self, path: str) -> socket.socket:
        """A connection to the server that listens at `path` inside; raises `Unavailable`."""
        return await self._call(path=path)

    async def datagrams(self, port: int) -> socket.socket:
        """A socket whose datagrams go to that UDP port of the cell's own loopback, whoever listens there; raises
        `Unavailable`."""
        return await self._call(port=port)

    async def _call(self, **where: str | int) -> socket.socket:
        if self.ended.done():
            raise CellGone
        caller: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        self._callers.append(caller)
        await self._send(do="connect", **where)
        return await caller

    async def close(self) -> None:
        """Ends everything inside and waits for it; idempotent."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_WR)  # the init's cue to kill all and exit
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_WAIT_S):
                await asyncio.shield(self.ended)
        if not self.ended.done():
            log.warning("cell_killed")
            self.enclosure.kill()
            await self.ended
        if self.control.fileno() >= 0:
            loop.remove_reader(self.control.fileno())
            self.control.close()
        self.own_log.close()
        self.guest_log.close()

    async def _send(self, **message: Any) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self.control, json.dumps(message).encode() + b"\n")
        except OSError as error:  # a moment before the end is told
            raise CellGone from error

    def _on_readable(self) -> None:
        try:
            chunk, sockets, _, _ = socket.recv_fds(self.control, _MAX_LINE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except ConnectionResetError:
            chunk, sockets = b"", []
        self._sockets.extend(sockets)
        if not chunk or len(self._buffer) > _MAX_LINE_BYTES:
            asyncio.get_running_loop().remove_reader(self.control.fileno())
            self.enclosure.hung_up()
            return
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["is"]
        if kind == "up":
            self.own_log.handed_over()
            self.guest_log.handed_over()
            self._oom_kills_before = message["oom_kills"] or 0
            _settle(self.up, None)
            return
        if kind == "alone":
            self.alone.set()
            return
        if kind == "connected":
            self._hand_over(message["errno"])
            return
        part = self.parts[message["part"]]
        match kind:
            case "started":
                _settle(part.started, message["pid"])
            case "ready":
                _settle(part.ready, message["value"])
            case "failed":
                if not part.started.done():
                    part.started.set_exception(PartFailed(part.name, message["errno"], part.program))
                if part.name == GUEST:
                    self.alone.set()
            case "ended":
                number = message["signal"]
                self.oom_kills = (message["oom_kills"] or 0) - self._oom_kills_before
                name = None if number is None else signal.Signals(number).name
                if part.name == GUEST and not message["survivors"]:
                    self.alone.set()
                part.end(PartExit(message["code"], name, message["survivors"]))
            case _:
                raise Internal(f"The cell's init said {kind!r}")

    def _hand_over(self, number: int | None) -> None:
        """Answers the caller that asked first."""
        caller = self._callers.popleft()
        opened = socket.socket(fileno=self._sockets.popleft()) if number is None else None
        if caller.done():
            if opened is not None:
                opened.close()
        elif opened is None:
            caller.set_exception(Unavailable(f"A server in the cell can't be reached: {os.strerror(number or 0)}"))
        else:
            caller.set_result(opened)

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it can run any more."""
        return self.enclosure.is_gone

    def _on_gone(self, ended: asyncio.Future[str]) -> None:
        if self.control.fileno() >= 0:
            with contextlib.suppress(OSError, ValueError):
                self._on_readable()
        how = ended.result()
        self.alone.set()
        self.ended.set_result(how)
        if not self.up.done():
            said = " ".join(self.own_log.tail()[-3:]) or "it said nothing"
            self.up.set_exception(Unavailable(f"The cell's sandbox {how}: {said}", hint="Run `dillinger doctor`"))
        for part in self.parts.values():
            part.end(PartExit(None, None))
        for caller in self._callers:
            if not caller.done():
                caller.set_exception(CellGone())
                caller.exception()  # nobody may be waiting


def _settle(future: asyncio.Future[T], value: T) -> None:
    """Who waited may have given up, and a part that says its word and ends at once may be seen to end first: what one
    future does not take must not cost the lines behind it."""
    if not future.done():
        future.set_result(value)
