"""The process backend: a seat is a process of this machine, in a session and cgroups of its own, and outlives the
runner.

The runner's loop owns it. What blocks (files, fork, waiting for the kernel to empty a group) runs in threads, one
call per session at a time. Exits wake the loop by pidfd, for adopted seats too, which are nobody's children here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import shutil
import signal
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from dillinger_contracts import Conflict, Resources, SeatSpec, Unavailable, Unsupported
from dillinger_contracts.model import SESSION_ID_PATTERN
from dillinger_contracts.seat_folder import SeatFolder
from dillinger_runner.cgroups import CgroupTree, DiskRate, Found, Limits, find_tree
from dillinger_runner.saves import make_saves
from dillinger_runner.store import SessionStore

from . import processes
from .base import BackendCapabilities, Finding, Observation, Probe, SeatHandle, SeatPhase, Usage, Waiting, WarmSeats
from .cell_network import NetworkMeter
from .counters import Counters
from .exits import Exits
from .gpu_meter import GpuMeter
from .identity import (
    BORN,
    TAKEN_EXIT_CODE,
    Identity,
    birth_command,
    is_alive,
    read_identity,
    send_signal,
    wait_exit,
)
from .isolation import IsolationProbe
from .sandbox_net import walled

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


class ProcessBackend:
    """Seats as processes."""

    kind = "process"

    def __init__(self, config: ProcessConfig, store: SessionStore) -> None:
        self._config = config
        self._store = store
        self._isolation = IsolationProbe(config.seat_command)
        self._found: Found | None = None
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._exits = Exits()
        self._gpus = GpuMeter()
        self._networks = NetworkMeter()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def capabilities(self) -> BackendCapabilities:
        """What the last probe found."""
        return BackendCapabilities(
            limits=self._found is not None and self._found.is_complete,
            isolation=self._isolation.is_ok,
            kvm=os.access("/dev/kvm", os.R_OK | os.W_OK),
            uinput=os.access("/dev/uinput", os.W_OK),
            screen=True,
        )

    @property
    def warm_seats(self) -> WarmSeats:
        """A process can be told later what it is for."""
        return self

    async def probe(self) -> Probe:
        """Sandbox and limits, tried by running them."""
        sandbox = await self._isolation.finding()
        found = await self._cgroups()
        if found.is_complete and found.tree is not None:
            version = found.tree.dialect.version
            limits = Finding("limits", True, f"memory, CPU and pids are limited by cgroups version {version}")
        else:
            why = "; ".join(f"{name}: {why}" for name, why in found.missing.items())
            limits = Finding("limits", False, f"a game's use of the machine is not fully limited: {why}", found.hint)
        ok = (sandbox.ok or not self._config.is_isolation_required) and (
            limits.ok or not self._config.are_limits_required
        )
        internet = self._isolation.internet
        return Probe(ok, (sandbox, limits, *([] if internet is None else [internet]), await self._gpus.finding()))

    async def ensure(self, seat: SeatSpec) -> SeatHandle:
        """Has the seat running; the first to be born for a session id stays the only one."""
        session_id = seat.session.session_id
        async with self._locks[session_id]:
            identity = await asyncio.to_thread(read_identity, self._store.directory(session_id))
            if identity is None:
                await self._must_be_usable()
                locked = await self._isolated(seat)
                identity = await self._place(session_id, lambda tree: self._start(locked, tree))
        return self._handle(session_id, identity)

    async def warm(self, seat_id: str) -> SeatHandle:
        """Starts a seat that waits, in groups of its own."""
        async with self._locks[seat_id]:
            await self._must_be_usable()
            identity = await self._place(seat_id, lambda tree: self._start_warm(seat_id, tree))
        return self._handle(seat_id, identity)

    async def waiting(self, seat_id: str) -> Waiting:
        """Warm once it says so in its folder."""
        seen = await asyncio.to_thread(self._look, seat_id)
        if seen.phase is not SeatPhase.RUNNING:
            return Waiting.GONE
        return Waiting.WARM if self._store.is_warm(seat_id) else Waiting.STARTING

    async def assign(self, seat_id: str, seat: SeatSpec) -> SeatHandle:
        """Makes the waiting seat that of this session: its birth certificate moves."""
        session_id = seat.session.session_id
        found = await self._cgroups()
        seat = await self._isolated(seat)
        async with self._locks[session_id], self._locks[seat_id]:
            try:
                identity = await asyncio.to_thread(self._assign, seat_id, seat, found.tree)
            except OSError as error:
                raise Unavailable(f"The waiting seat can't be had: {error.strerror} ({error.filename})") from error
            self._exits.forget(seat_id)
        self._locks.pop(seat_id, None)
        return self._handle(session_id, identity)

    async def _isolated(self, seat: SeatSpec) -> SeatSpec:
        if seat.session.game.network.kind != "none":
            await self._isolation.finding(wants_internet=True)
        seat = walled(seat, self._isolation.internet if self._isolation.is_ok else None)
        return seat.model_copy(update={"isolation": "bubblewrap" if self._isolation.is_ok else "none"})

    async def _must_be_usable(self) -> None:
        probe = await self.probe()
        if not probe.ok:
            raise _refusal(probe)

    async def observe(self, handle: SeatHandle) -> Observation:
        """Looks at the process and at its group's out-of-memory count."""
        return await asyncio.to_thread(self._look, handle.session_id)

    async def stop(self, handle: SeatHandle, *, grace_s: float) -> None:
        """SIGTERM, then SIGKILL to all that is in the session's groups or tree; then removes groups and sockets."""
        found = await self._cgroups()
        async with self._locks[handle.session_id]:
            await asyncio.to_thread(self._end, handle.session_id, found.tree, grace_s)
            self._exits.forget(handle.session_id)
            self._networks.forget(handle.session_id)
        if not self._locks[handle.session_id].locked():
            self._locks.pop(handle.session_id, None)

    async def owned(self) -> AsyncIterator[SeatHandle]:
        """Sessions that have a living seat, cgroups or a socket folder."""
        found = await self._cgroups()
        for session_id, identity in (await asyncio.to_thread(self._list, found.tree)).items():
            yield self._handle(session_id, identity)

    async def changes(self) -> AsyncIterator[SeatHandle]:
        """A handle for each seat that exited."""
        while True:
            yield await self._exits.next()

    async def usage(self, handle: SeatHandle) -> Usage:
        """By cgroup files; without them by summing over the seat's process tree."""
        found = await self._cgroups()
        if found.tree is not None:
            counters = Counters(found.tree.dialect, found.tree.groups(handle.session_id))
            used = self._networks.onto(counters.read(datetime.now(UTC)), handle.session_id, counters.cell_pids)
            return await self._gpus.onto(used, counters.pids)
        return await asyncio.to_thread(self._measure, handle.session_id)

    async def limit(self, handle: SeatHandle, resources: Resources) -> None:
        """By the files of the cell's groups."""
        found = await self._cgroups()
        if found.tree is None or not found.is_complete:
            why = "; ".join(f"{name}: {why}" for name, why in found.missing.items())
            raise Unsupported(f"Limits can't be changed here, since none are enforced: {why}", hint=found.hint)
        try:
            await asyncio.to_thread(found.tree.limit, handle.session_id, "cell", Limits.of(resources))
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise Conflict("The game has more memory in use than that") from error
            raise Unavailable(f"The limits could not be set: {error.strerror}: {error.filename}") from error

    async def close(self) -> None:
        """Lets go of descriptors; seats go on."""
        self._exits.close()

    async def _cgroups(self) -> Found:
        if self._found is None:
            self._found = await asyncio.to_thread(find_tree, self._config.cgroup, instance=self._config.instance)
            if not self._found.is_complete:
                log.warning("limits_not_enforced", missing=dict(self._found.missing), hint=self._found.hint)
        return self._found

    async def _place(self, session_id: str, start: Callable[[CgroupTree | None], Identity]) -> Identity:
        found = await self._cgroups()
        try:
            return await asyncio.to_thread(start, found.tree)
        except OSError as error:
            await asyncio.to_thread(self._end, session_id, found.tree, 0.0)
            raise Unavailable(f"The seat could not be started: {error.strerror} ({error.filename})") from error
        except Unavailable:
            await asyncio.to_thread(self._end, session_id, found.tree, 0.0)
            raise

    def _start(self, seat: SeatSpec, tree: CgroupTree | None) -> Identity:
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

    def _start_warm(self, seat_id: str, tree: CgroupTree | None) -> Identity:
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

    def _assign(self, seat_id: str, seat: SeatSpec, tree: CgroupTree | None) -> Identity:
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

    def _look(self, session_id: str) -> Observation:
        identity = read_identity(self._store.directory(session_id))
        if identity is None:
            return Observation(SeatPhase.ABSENT)
        place = f"pid {identity.pid}"
        if is_alive(identity):
            return Observation(SeatPhase.RUNNING, place=place)
        child = self._children.get(session_id)
        tree = self._found.tree if self._found else None
        was_out_of_memory = tree is not None and tree.oom_kills(session_id, "seat") > 0
        return Observation(SeatPhase.EXITED, child.poll() if child else None, was_out_of_memory, place)

    def _end(self, session_id: str, tree: CgroupTree | None, grace_s: float) -> None:
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

    def _list(self, tree: CgroupTree | None) -> dict[str, Identity | None]:
        found: dict[str, Identity | None] = {}
        for session_id in self._store.ids():
            identity = read_identity(self._store.directory(session_id))
            if identity is not None and is_alive(identity):
                found[session_id] = identity
        for session_id in tree.sessions() if tree else set():
            found.setdefault(session_id, None)
        if self._config.runtime_dir.is_dir():
            for entry in self._config.runtime_dir.iterdir():
                if processes.is_session_folder(entry, SESSION_ID_PATTERN):
                    found.setdefault(entry.name, None)
        return found

    def _measure(self, session_id: str) -> Usage:
        measured_at = datetime.now(UTC)
        identity = read_identity(self._store.directory(session_id))
        if identity is None or not is_alive(identity):
            return Usage(measured_at)
        tree = processes.tree_of(identity)
        return self._networks.onto(processes.measure(tree, measured_at), session_id, tree.keys)

    def _handle(self, session_id: str, identity: Identity | None) -> SeatHandle:
        if identity is None:
            return SeatHandle(session_id)
        handle = SeatHandle(session_id, f"pid {identity.pid}")
        self._exits.watch(handle, identity)
        return handle


def _refusal(probe: Probe) -> Unsupported:
    problem = probe.problem
    assert problem is not None
    return Unsupported(f"This machine can't hold a game safely: {problem.detail}", hint=problem.hint)
