"""Seats' processes: born with their certificate, limits and log, given to sessions, and ended with all that is theirs.

The half of the process backend that blocks (files, fork, waiting for the kernel to empty a group): called in threads,
one call per session at a time.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import structlog

from dillinger_contracts import SeatSpec, Unavailable
from dillinger_contracts.seat_folder import SeatFolder
from dillinger_runner.cgroups import CgroupTree, DiskRate, Limits
from dillinger_runner.saves import make_saves
from dillinger_runner.store import SessionStore

from . import processes
from .identity import BORN, TAKEN_EXIT_CODE, Identity, birth_command, is_alive, read_identity, send_signal, wait_exit

_KILL_TIMEOUT_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ProcessConfig:
    """What a process backend is told."""

    runtime_dir: Path
    seat_command: tuple[str, ...]
    cgroup: str
    instance: str
    """Keeps runners of different state folders out of each other's cgroups."""
    seat_limits: Limits
    disk_rate: DiskRate | None = None
    """Of each cell."""
    placing_timeout_s: float = 15.0
    is_isolation_required: bool = True
    are_limits_required: bool = False


class SeatProcesses:
    """The processes of one process backend's seats."""

    def __init__(self, config: ProcessConfig, store: SessionStore) -> None:
        self._config = config
        self._store = store
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def exit_code(self, session_id: str) -> int | None:
        """Of a seat that this process has started and that is over; None where nobody can know."""
        child = self._children.get(session_id)
        return child.poll() if child else None

    def start(self, seat: SeatSpec, tree: CgroupTree | None) -> Identity:
        """A session's seat; raises OSError or Unavailable."""
        session_id = seat.session.session_id
        directory = self._store.open(session_id)
        seat, procs, data_limit_bytes = self._make_room(seat, tree)
        self._store.save_spec(seat)
        command = birth_command(
            directory,
            command=(*self._config.seat_command, "--dir", str(directory)),
            cgroup_procs=procs,
            data_limit_bytes=data_limit_bytes,
        )
        return self._bear(session_id, directory, command)

    def _make_room(self, seat: SeatSpec, tree: CgroupTree | None) -> tuple[SeatSpec, list[Path], int | None]:
        """Folders and limits of a session: the spec with its groups, what its seat joins, and else its data limit."""
        Path(seat.runtime_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
        make_saves(seat)
        resources = seat.session.resources
        if tree is None:
            return seat, [], max(resources.memory_bytes, self._config.seat_limits.memory_bytes)
        session_id = seat.session.session_id
        cell = Limits.of(resources, self._config.disk_rate)
        cgroup = tree.create(session_id, seat=self._config.seat_limits, cell=cell)
        return seat.model_copy(update={"cell_cgroup": cgroup}), tree.procs_files(session_id, "seat"), None

    def start_warm(self, seat_id: str, tree: CgroupTree | None) -> Identity:
        """A seat that waits; raises as `start` does."""
        directory = self._store.open(seat_id)
        procs: list[Path] = []
        if tree is not None:
            tree.create(seat_id, seat=self._config.seat_limits, cell=self._config.seat_limits)
            procs = tree.procs_files(seat_id, "seat")
        command = birth_command(
            directory,
            command=(*self._config.seat_command, "--wait", str(directory)),
            cgroup_procs=procs,
            data_limit_bytes=None,
        )
        return self._bear(seat_id, directory, command)

    def assign(self, seat_id: str, seat: SeatSpec, tree: CgroupTree | None) -> Identity:
        """Limits first, the certificate last: whoever is killed before that leaves a waiting seat and a session without
        one, whoever is killed after it a session with its seat."""
        session_id = seat.session.session_id
        folder, directory = self._store.directory(seat_id), self._store.open(session_id)
        identity = read_identity(folder)
        if identity is None or not is_alive(identity):
            raise Unavailable("The waiting seat is gone")
        seat, procs, data_limit_bytes = self._make_room(seat, tree)
        for file in procs:
            file.write_text(str(identity.pid), "ascii")
        if data_limit_bytes is not None:
            resource.prlimit(identity.pid, resource.RLIMIT_DATA, (data_limit_bytes, data_limit_bytes))
        self._store.save_spec(seat)
        with contextlib.suppress(FileNotFoundError):  # of a seat that this session had before
            (directory / "seat.log").rename(directory / "seat.before.log")
        (folder / "seat.log").rename(directory / "seat.log")
        certificate = (folder / SeatFolder.IDENTITY).rename(directory / SeatFolder.IDENTITY)
        if not send_signal(identity, signal.SIGUSR1):
            certificate.rename(folder / SeatFolder.IDENTITY)  # it never was this session's
            raise Unavailable("The waiting seat is gone")
        if seat_id in self._children:
            self._children[session_id] = self._children.pop(seat_id)
        if tree is not None:
            tree.remove(seat_id, timeout_s=_KILL_TIMEOUT_S)
        self._store.remove(seat_id)
        return identity

    def _bear(self, session_id: str, directory: Path, command: list[str]) -> Identity:
        with (directory / "seat.log").open("ab") as log_file:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                cwd=directory,
                env=processes.seat_environment(os.environ),
                start_new_session=True,
            )
        assert child.stdout is not None
        with child.stdout:
            said = processes.read_until_closed(child.stdout.fileno(), timeout_s=self._config.placing_timeout_s)
        if said == BORN:
            self._children[session_id] = child
        else:
            child.kill()
            exit_code = child.wait(timeout=_KILL_TIMEOUT_S)
            if exit_code != TAKEN_EXIT_CODE:
                tail = " ".join(self._store.log_tail(session_id, lines=3))
                raise Unavailable(f"The seat's process did not come up (exit code {exit_code}): {tail}")
            log.info("seat_was_born_before", session_id=session_id)
        identity = read_identity(directory)
        if identity is None:
            raise Unavailable("The seat's process left no identity")
        return identity

    def end(self, session_id: str, tree: CgroupTree | None, grace_s: float) -> None:
        """SIGTERM, then SIGKILL to all that is in the session's groups or tree; then removes groups and sockets."""
        identity = read_identity(self._store.directory(session_id))
        relatives = processes.tree_of(identity) if identity else {}
        if identity is not None and send_signal(identity, signal.SIGTERM if grace_s > 0 else signal.SIGKILL):
            is_gone = wait_exit(identity, timeout_s=grace_s if grace_s > 0 else _KILL_TIMEOUT_S)
            relatives |= processes.tree_of(identity)
            if not is_gone:
                log.warning("seat_ignored_sigterm", session_id=session_id, pid=identity.pid, grace_s=grace_s)
                send_signal(identity, signal.SIGKILL)
                wait_exit(identity, timeout_s=_KILL_TIMEOUT_S)
        child = self._children.pop(session_id, None)
        if child is not None:
            child.wait(timeout=_KILL_TIMEOUT_S)
        processes.kill_all(relatives)
        if tree is not None and session_id in tree.sessions():
            if left := tree.kill(session_id, timeout_s=_KILL_TIMEOUT_S):
                raise Unavailable(f"Processes of the session can't be killed: {sorted(left)}")
            tree.remove(session_id, timeout_s=_KILL_TIMEOUT_S)
        shutil.rmtree(self._config.runtime_dir / session_id, ignore_errors=True)
