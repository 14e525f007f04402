"""The directories of all sessions below one root: `<root>/<session-id>/seat` and `/cell`, per controller in version 1.

Calls block shortly (`kill` and `remove` until the kernel is done, with a deadline); the backend makes them in a thread.
"""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from dillinger_contracts.model import SESSION_ID_PATTERN
from dillinger_contracts.session import CellCgroup

from .dialect import Dialect, Limits, Write, keyed

Part = Literal["seat", "cell"]
PARTS: tuple[Part, ...] = ("seat", "cell")

_SESSION_ID = re.compile(SESSION_ID_PATTERN)
_RETRY_S = 0.02
_ROOT_TRIES = 10

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CgroupTree:
    """One root in one version's files."""

    dialect: Dialect
    roots: dict[str, Path]
    """Controller → root (version 1), or `{"unified": root}`."""

    def create(self, session_id: str, *, seat: Limits, cell: Limits) -> CellCgroup:
        """Makes the session's groups with these limits (again, where they are there); returns where the cell's are."""
        for root in self._distinct_roots():
            session = self._open(root, session_id)
            for part in PARTS:
                (session / part).mkdir(exist_ok=True)
        for part, limits in (("seat", seat), ("cell", cell)):
            self.limit(session_id, part, limits)
        cell_directories = {name: str(root / session_id / "cell") for name, root in self.roots.items()}
        return CellCgroup(version=self.dialect.version, directories=cell_directories)

    def procs_files(self, session_id: str, part: Part) -> list[Path]:
        """The files that a process writes itself into to join."""
        return [root / session_id / part / "cgroup.procs" for root in self._distinct_roots()]

    def sessions(self) -> set[str]:
        """Ids of all sessions that have groups."""
        names: set[str] = set()
        for root in self._distinct_roots():
            if root.is_dir():
                names.update(entry.name for entry in root.iterdir() if _SESSION_ID.fullmatch(entry.name))
        return names

    def pids(self, session_id: str) -> set[int]:
        """Processes in the session's groups."""
        found: set[int] = set()
        for directory in self._directories(session_id):
            text = _read(directory / "cgroup.procs")
            found.update(int(line) for line in (text or "").split() if int(line) > 0)
        return found

    def groups(self, session_id: str) -> tuple[dict[str, Path], ...]:
        """Where seat and cell are counted: controller → directory (version 1), or `{"unified": directory}`."""
        return tuple({name: root / session_id / part for name, root in self.roots.items()} for part in PARTS)

    def oom_kills(self, session_id: str, part: Part) -> int:
        """How many processes the kernel killed for the group's memory limit."""
        text = self._text(session_id, part, "memory", self.dialect.oom_file)
        return (keyed(text, "oom_kill") or 0) if text is not None else 0

    def kill(self, session_id: str, *, timeout_s: float = 5.0) -> set[int]:
        """Kills every process of the session, also those that fork meanwhile; returns those left at the deadline."""
        deadline_s = time.monotonic() + timeout_s
        while pids := self.pids(session_id):
            for kill_file in (directory / "cgroup.kill" for directory in self._directories(session_id)):
                if kill_file.exists():  # version 2 since Linux 5.14
                    _write(kill_file, "1")
            for pid in pids:
                self._kill_member(session_id, pid)
            if time.monotonic() > deadline_s:
                return self.pids(session_id)
        return set()

    def remove(self, session_id: str, *, timeout_s: float = 5.0) -> bool:
        """Removes the session's empty groups; the kernel may need a moment after the last process has gone."""
        deadline_s = time.monotonic() + timeout_s
        is_gone = True
        for root in self._distinct_roots():
            for directory in (root / session_id / "seat", root / session_id / "cell", root / session_id):
                is_gone = _remove_directory(directory, deadline_s) and is_gone
            with suppress(OSError):  # the root stays while other sessions live
                root.rmdir()
        return is_gone

    def _open(self, root: Path, session_id: str) -> Path:
        """The session's directory. The root is there only while sessions are, so that a killed runner leaves none."""
        session = root / session_id
        for _ in range(_ROOT_TRIES):
            with suppress(FileNotFoundError):  # another session's end took the root away in between
                for directory in (root, session):
                    directory.mkdir(exist_ok=True)
                    if self.dialect.version == 2:
                        enable_controllers(directory, self.dialect)
                return session
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(session))

    def limit(self, session_id: str, part: Part, limits: Limits) -> None:
        """Sets these limits, also while processes run there; raises OSError (EBUSY: more memory is in use)."""
        writes = self.dialect.writes(limits)
        again = [write for write in writes if not self._is_written(session_id, part, write, is_last=False)]
        for write in again:  # memory may not go over memory+swap, so which of the two is first depends on where to
            self._is_written(session_id, part, write, is_last=True)

    def _is_written(self, session_id: str, part: Part, write: Write, *, is_last: bool) -> bool:
        root = self.roots.get(self.dialect.directory_of(write.controller))
        if root is None:
            return True
        path = root / session_id / part / write.file
        if write.is_optional and not path.exists():
            return True
        try:
            _write(path, write.text)
        except OSError as error:
            if error.errno == errno.EINVAL and not is_last:
                return False
            if not write.is_optional:
                raise
            log.warning("cgroup_limit_not_set", path=str(path), error=error.strerror)
        return True

    def _kill_member(self, session_id: str, pid: int) -> None:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if f"/{session_id}/" in (_read(Path(f"/proc/{pid}/cgroup")) or ""):  # still that process, not a later one
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                poll.poll(_RETRY_S * 1000)
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)

    def _text(self, session_id: str, part: Part, controller: str, file: str) -> str | None:
        root = self.roots.get(self.dialect.directory_of(controller))
        return None if root is None else _read(root / session_id / part / file)

    def _directories(self, session_id: str) -> list[Path]:
        candidates = (root / session_id / part for root in self._distinct_roots() for part in PARTS)
        return [directory for directory in candidates if directory.is_dir()]

    def _distinct_roots(self) -> Iterator[Path]:
        # cpu and cpuacct are often one hierarchy under two names
        seen: set[Path] = set()
        for root in self.roots.values():
            real = root.resolve()
            if real not in seen:
                seen.add(real)
                yield root


def enable_controllers(directory: Path, dialect: Dialect) -> None:
    """Lets the children of `directory` have the dialect's controllers (version 2), the disk's where it may."""
    file = directory / "cgroup.subtree_control"
    _write(file, " ".join(f"+{name}" for name in dialect.controllers if name != dialect.disk_controller))
    with suppress(OSError):
        _write(file, f"+{dialect.disk_controller}")


def _remove_directory(directory: Path, deadline_s: float) -> bool:
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY) or time.monotonic() > deadline_s:
                log.warning("cgroup_not_removed", path=str(directory), error=error.strerror)
                return False
            time.sleep(_RETRY_S)
        else:
            return True


def _read(path: Path) -> str | None:
    try:
        return path.read_text("ascii")
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENODEV:  # the group went away between open and read
            return None
        raise


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write(text)
