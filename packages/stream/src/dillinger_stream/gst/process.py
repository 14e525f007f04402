"""The child process that runs GStreamer (`child.py`), as its two users see it: an encoder, and a capture.

What goes wrong with it is raised as the user's own error. Blocks, with a deadline for every answer; one thread.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dillinger_contracts.errors import Unavailable

from . import child

SYSTEM_PYTHON = Path("/usr/bin/python3")
_START_S, ANSWER_S, _END_S = 30.0, 6.0, 2.0
"""The first start of a user is slow: GStreamer looks at all its plugins then."""


class GstProcess:
    """One child."""

    def __init__(self, name: str, error: type[Unavailable]) -> None:
        """`name` is whose it is, in what is raised: an `error`."""
        self._name, self._error = name, error
        ours, childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        command = (str(SYSTEM_PYTHON), "-I", child.__file__, str(childs.fileno()))
        try:
            self.process = subprocess.Popen(
                command, pass_fds=(childs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as fault:
            ours.close()
            raise error(f"{SYSTEM_PYTHON} can't be started: {fault}", hint="apt-get install python3") from fault
        finally:
            childs.close()
        self._connection = ours

    def open(self, kind: int, order: Mapping[str, object], descriptors: tuple[int, ...]) -> None:
        """Says what it is to do, and waits until it does; it is closed where it does not."""
        try:
            self._connection.settimeout(_START_S)
            self.send(kind, json.dumps(order).encode(), descriptors)
            self.expect(child.READY)
            self._connection.settimeout(ANSWER_S)
        except Unavailable:
            self.close()
            raise

    def fileno(self) -> int:
        """Of the socket; readable when it said something."""
        return self._connection.fileno()

    def send(self, kind: int, payload: bytes = b"", descriptors: tuple[int, ...] = ()) -> None:
        """One message."""
        try:
            child.send(self._connection, kind, payload, descriptors)
        except OSError as fault:
            raise self._error(f"{self._name} is gone: {fault}") from fault

    def receive(self) -> tuple[int, bytes]:
        """The next message: its kind and what it says."""
        try:
            kind, payload, _ = child.receive(self._connection)
        except TimeoutError as fault:
            raise self._error(f"{self._name} does not answer") from fault
        except (EOFError, OSError, ValueError) as fault:
            raise self._error(f"{self._name} is gone: {fault or 'its process ended'}") from fault
        if kind == child.FAULT:
            raise self._error(f"{self._name} failed: {payload.decode(errors='replace')}")
        return kind, payload

    def expect(self, kind: int) -> bytes:
        """What the next message says, which has to be of this kind."""
        found, payload = self.receive()
        if found != kind:
            raise self._error(f"{self._name} answers something else ({found})")
        return payload

    def abort(self) -> None:
        """Ends every wait; from any thread."""
        with contextlib.suppress(OSError):  # it has ended already
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the child; idempotent."""
        self._connection.close()
        if self.process.poll() is None:
            try:
                self.process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
