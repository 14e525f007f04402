"""The process backend: a seat is a process of this machine, in a session and cgroups of its own, and outlives the
runner.

The runner's loop owns it. What blocks (files, fork, waiting for the kernel to empty a group) runs in threads, one
call per session at a time. Exits wake the loop by pidfd, for adopted seats too, which are nobody's children here.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import structlog

from dillinger_contracts import Conflict, Resources, SeatSpec, Unavailable, Unsupported
from dillinger_contracts.model import SESSION_ID_PATTERN
from dillinger_runner.cgroups import CgroupTree, Found, Limits, find_tree
from dillinger_runner.store import SessionStore

from . import processes
from .base import BackendCapabilities, Finding, Observation, Probe, SeatHandle, SeatPhase, Usage, Waiting, WarmSeats
from .cell_network import NetworkMeter
from .counters import Counters
from .exits import Exits
from .gpu_meter import GpuMeter
from .identity import Identity, is_alive, read_identity
from .isolation import IsolationProbe
from .sandbox_net import walled
from .seat_processes import ProcessConfig, SeatProcesses

log = structlog.get_logger()


class ProcessBackend:
    """Seats as processes."""

    kind = "process"

    def __init__(self, config: ProcessConfig, store: SessionStore) -> None:
        self._config = config
        self._store = store
        self._isolation = IsolationProbe(config.seat_command)
        self._found: Found | None = None
        self._processes = SeatProcesses(config, store)
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
                identity = await self._place(session_id, lambda tree: self._processes.start(locked, tree))
        return self._handle(session_id, identity)

    async def warm(self, seat_id: str) -> SeatHandle:
        """Starts a seat that waits, in groups of its own."""
        async with self._locks[seat_id]:
            await self._must_be_usable()
            identity = await self._place(seat_id, lambda tree: self._processes.start_warm(seat_id, tree))
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
                identity = await asyncio.to_thread(self._processes.assign, seat_id, seat, found.tree)
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
            await asyncio.to_thread(self._processes.end, handle.session_id, found.tree, grace_s)
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
            await asyncio.to_thread(self._processes.end, session_id, found.tree, 0.0)
            raise Unavailable(f"The seat could not be started: {error.strerror} ({error.filename})") from error
        except Unavailable:
            await asyncio.to_thread(self._processes.end, session_id, found.tree, 0.0)
            raise

    def _look(self, session_id: str) -> Observation:
        identity = read_identity(self._store.directory(session_id))
        if identity is None:
            return Observation(SeatPhase.ABSENT)
        place = f"pid {identity.pid}"
        if is_alive(identity):
            return Observation(SeatPhase.RUNNING, place=place)
        tree = self._found.tree if self._found else None
        was_out_of_memory = tree is not None and tree.oom_kills(session_id, "seat") > 0
        return Observation(SeatPhase.EXITED, self._processes.exit_code(session_id), was_out_of_memory, place)

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
