"""The control socket: `status`, `trace` and `stop`, one question and one answer a connection, each a line of JSON.

The socket lies in a folder of its user's alone; besides, the kernel tells who asks. A question has a size and a
deadline, so has the answer; whoever is slow or rude is hung up on. The server is on the loop, the client blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

import structlog
from pydantic import ValidationError

from dillinger_contracts.errors import NotFound, Unavailable
from dillinger_contracts.model import Model
from dillinger_contracts.session import SeatStats
from dillinger_contracts.stages import StreamTrace

log = structlog.get_logger()

Answer = TypeVar("Answer", bound=Model)

_DEADLINE_S = 5.0
_MOST_QUESTION_BYTES = 4096
_MOST_ANSWER_BYTES = 1 << 20
"""A recording of ten seconds has a quarter of that."""
_MOST_AT_ONCE = 8
_PEER = struct.Struct("3i")
"""struct ucred (unix(7)): pid, uid, gid."""


class Question(Model):
    """What may be asked."""

    version: Literal[1] = 1
    ask: Literal["status", "trace", "stop"]


class StreamStatus(Model):
    """One running stream, as it says itself."""

    source: str
    """The kind of desktop."""
    display: str
    pid: int
    started_at: datetime
    address: str
    """Opens it, for playing where that is allowed: it ends with the key."""
    watch_address: str
    is_view_only: bool
    has_sound: bool
    stats: SeatStats


class ControlServer:
    """Answers for one stream."""

    def __init__(
        self, path: Path, *,
        status: Callable[[], StreamStatus], stop: Callable[[], None], trace: Callable[[], StreamTrace] = StreamTrace,
    ) -> None:  # fmt: skip
        self._path = path
        self._status = status
        self._trace = trace
        self._stop = stop
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listens; the one who has the claim may take over what a killed one left."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_MOST_QUESTION_BYTES)
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Idempotent; hangs up on whoever has not asked yet."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._path.unlink(missing_ok=True)
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._answering) >= _MOST_AT_ONCE or not _is_ours(writer.get_extra_info("socket")):
            writer.close()
            return
        self._answering.add(task)
        try:
            async with asyncio.timeout(_DEADLINE_S):
                question = Question.model_validate_json(await reader.readuntil(b"\n"))
                answer = self._trace() if question.ask == "trace" else self._status()
                writer.write(answer.model_dump_json().encode() + b"\n")
                await writer.drain()
            if question.ask == "stop":
                self._stop()
        except (ValidationError, ValueError, EOFError, OSError, asyncio.LimitOverrunError, TimeoutError) as error:
            log.info("control_question_refused", error=type(error).__name__)
        finally:
            self._answering.discard(task)
            writer.close()


def _is_ours(connection: socket.socket) -> bool:
    """Whether this user asks, or root."""
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return uid in (os.getuid(), 0)


def ask(path: Path, what: Literal["status", "stop"]) -> StreamStatus:
    """The answer of the stream at `path`; raises `NotFound` where none is, `Unavailable` where it does not answer."""
    return _asked(path, what, StreamStatus)


def ask_trace(path: Path) -> StreamTrace:
    """What became of the last pictures of the stream at `path`; raises as `ask` does."""
    return _asked(path, "trace", StreamTrace)


def _asked(path: Path, what: Literal["status", "trace", "stop"], kind: type[Answer]) -> Answer:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_DEADLINE_S)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotFound(f"Nothing is streamed at {path}") from None
        except OSError as error:
            raise Unavailable(f"The stream at {path} does not answer: {error}") from error
        with contextlib.suppress(OSError):  # it may have hung up: then there is no answer either
            connection.sendall(Question(ask=what).model_dump_json().encode() + b"\n")
        try:
            return kind.model_validate_json(_line(connection))
        except (OSError, ValidationError) as error:
            raise Unavailable(f"The stream at {path} does not answer") from error


def _line(connection: socket.socket) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n") and len(data) < _MOST_ANSWER_BYTES and (part := connection.recv(65_536)):
        data += part
    return bytes(data)
