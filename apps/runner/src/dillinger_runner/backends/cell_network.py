"""What a cell's own network has carried, by the kernel's count of its interfaces: one open, one read and one close.

`/proc/PID/net/dev` is about the network that the process is in, and needs no right over it, where the name of that
network (`/proc/PID/ns/net`) does. The file's inode number is another one in each network, so it tells which one it is
about: a sandbox's outer half, which is in the machine's, is passed over, and so is a number that a process got later.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from .base import Usage

_MOST_BYTES = 16_384
_HEAD_LINES = 2
_RECEIVED, _SENT = 0, 8
"""Columns of the file (proc_pid_net(5))."""


@dataclass(frozen=True, slots=True)
class _Look:
    network: int
    text: str


def carried_bytes(text: str) -> int:
    """In and out of all interfaces but the loopback one, from the text of `/proc/PID/net/dev`."""
    found = 0
    for line in text.splitlines()[_HEAD_LINES:]:
        name, _, columns = line.partition(":")
        if name.strip() != "lo":
            numbers = columns.split()
            found += int(numbers[_RECEIVED]) + int(numbers[_SENT])
    return found


@dataclass(slots=True)
class NetworkMeter:
    """The networks of a backend's cells."""

    proc: Path = Path("/proc")
    _known: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Session → a process of its cell, and the network that it was seen in."""

    def onto(self, usage: Usage, session_id: str, pids: Callable[[], Collection[int]]) -> Usage:
        """`usage` with what the network of these processes has carried; as it is where none of them has one that is
        not the machine's."""
        pid, network = self._known.get(session_id, (0, 0))
        look = self._look(pid) if pid else None
        if look is None or look.network != network:
            look = self._find(session_id, pids())
        return usage if look is None else replace(usage, network_bytes=carried_bytes(look.text))

    def forget(self, session_id: str) -> None:
        """Of a session that is over."""
        self._known.pop(session_id, None)

    def _find(self, session_id: str, pids: Collection[int]) -> _Look | None:
        self.forget(session_id)
        own = self._look("self")
        for pid in sorted(pids):  # what a game puts into a network of its own came later
            look = self._look(pid)
            if look is not None and (own is None or look.network != own.network):
                self._known[session_id] = pid, look.network
                return look
        return None

    def _look(self, pid: int | str) -> _Look | None:
        try:
            descriptor = os.open(f"{self.proc}/{pid}/net/dev", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return _Look(os.fstat(descriptor).st_ino, os.read(descriptor, _MOST_BYTES).decode("ascii", "replace"))
        except OSError:
            return None
        finally:
            os.close(descriptor)
