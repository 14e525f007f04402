"""The docker backend: a session is two containers, its seat and its cell, which outlive the runner.

The runner's loop owns it. What runs is what the engine lists under this runner's label; the backend remembers nothing
that it could not ask again. The seat's container is first: it makes the sockets, and awaits the cell's init; then the
cell's container is made, over what is there. An engine that does not answer says nothing about a session.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from dillinger_contracts import Exhausted, Resources, SeatSpec, Unavailable, Unsupported
from dillinger_contracts.cell import RuntimeFolder
from dillinger_contracts.model import SESSION_ID_PATTERN
from dillinger_contracts.wine import RUNTIMES_FOLDER
from dillinger_runner.cgroups import Limits
from dillinger_runner.saves import make_saves
from dillinger_runner.store import SessionStore

from . import docker_digest, docker_media, docker_usage, docker_warm, processes
from .base import BackendCapabilities, Finding, Observation, Probe, SeatHandle, SeatPhase, Usage, WarmSeats
from .cell_network import NetworkMeter
from .counters import Counters
from .docker_engine import Box, Engine, NameTaken, PortTaken
from .docker_findings import (
    engine_finding,
    in_podmans_words,
    is_podman,
    limits_finding,
    mounts_finding,
    refuse_on_podman,
    user_finding,
)
from .docker_host import HostLook
from .docker_layers import GameLayers
from .docker_net import CellNetworks
from .docker_spec import Gpu, Premises, Role, bounds, cell_config, container_name, graphics_check_config, seat_config
from .gpu_meter import GpuMeter

_GOOD_FOR_S = 30.0
_LOOK_S, _ASK_S = 0.01, 0.5
_CHECK_TIMEOUT_S = 20.0
_GPU_HINT = "Install the card's driver and its container toolkit, or set docker_gpu = none"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """What a docker backend is told."""

    runtime_dir: Path
    premises: Premises
    placing_timeout_s: float = 30.0
    are_limits_required: bool = False


class DockerBackend:
    """Seats and cells as containers."""

    kind = "docker"

    def __init__(self, config: DockerConfig, store: SessionStore, engine: Engine) -> None:
        self._config = config
        self._store = store
        self._engine = engine
        self._host = HostLook(engine, config.premises)
        self._layers = GameLayers(config.premises, engine)
        self._networks = CellNetworks(config.premises, engine, self._host)
        self._warm = docker_warm.WarmContainers(config.premises, config.runtime_dir, engine, self.ensure)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._probe: tuple[Probe, float] | None = None
        self._probing = asyncio.Lock()
        self._is_podman = False
        self._counters: dict[str, Counters] = {}
        self._compared: set[str] = set()
        self._gpus = GpuMeter()
        self._cell_networks = NetworkMeter()

    @property
    def capabilities(self) -> BackendCapabilities:
        """What the last probe found."""
        findings = {} if self._probe is None else {found.name: found.ok for found in self._probe[0].findings}
        return BackendCapabilities(
            gpu=self._config.premises.gpu is not None and findings.get("gpu", False),
            limits=findings.get("limits", False),
            isolation=findings.get("engine", False),
        )

    @property
    def warm_seats(self) -> WarmSeats | None:
        """None where each seat publishes a port of its own: that is fixed when its container is made."""
        return self._warm if self._config.premises.seat_network == "host" else None

    async def probe(self) -> Probe:
        """Engine, images, limits and user; a good answer is remembered for half a minute, a bad one not at all."""
        async with self._probing:
            if self._probe is None or time.monotonic() > self._probe[1]:
                found = await self._ask()
                self._probe = found, time.monotonic() + (_GOOD_FOR_S if found.ok else 0.0)
            return self._probe[0]

    async def _ask(self) -> Probe:
        premises = self._config.premises
        try:
            version, info = await self._engine.version(), await self._engine.info()
            images = {premises.seat_image, *premises.cell_images.values()}
            lacking = sorted([name for name in images if await self._engine.image_id(name) is None])
        except Unavailable as error:
            return Probe(False, (Finding("engine", False, error.message, error.hint),))
        engine, limits = engine_finding(version), limits_finding(info)
        needed = {premises.seat_image, premises.cell_images["native"]} & set(lacking)
        detail = f"missing: {', '.join(lacking)}" if lacking else f"{len(images)} images are there"
        found = Finding("images", not lacking, detail, "./dillinger build images" if lacking else None)
        user = user_finding(premises.user)
        self._is_podman = is_podman(version)
        mounts = mounts_finding(version, premises.rules)
        is_whole = engine.ok and user.ok and not needed and mounts is None
        ok = is_whole and (limits.ok or not self._config.are_limits_required)
        gpu = () if premises.gpu is None or needed else (await self._graphics_finding(premises.gpu),)
        figures = await self._gpus.finding()
        return Probe(ok, (engine, user, *([mounts] if mounts else []), found, limits, *gpu, figures))

    async def _graphics_finding(self, gpu: Gpu) -> Finding:
        """Asked for as games would ask, and looked at from inside: an engine may take a request and give nothing."""
        name = f"dillinger-{self._config.premises.instance}-gpu"
        try:
            await self._engine.remove(name)
            await self._engine.create(name, graphics_check_config(self._config.premises, gpu))
            await self._engine.start(name)
            await self._engine.wait(name, timeout_s=_CHECK_TIMEOUT_S)
            box = await self._engine.inspect(name)
        except (Unavailable, Unsupported) as error:
            return Finding("gpu", False, f"no container with a graphics card: {error.message}", _GPU_HINT)
        finally:
            with contextlib.suppress(Unavailable):
                await self._engine.remove(name)
        if box is not None and box.exit_code == 0:
            return Finding("gpu", True, f"a graphics card is seen in a container ({gpu.kind}; unverified with games)")
        return Finding(
            "gpu", False, f"the engine takes the request ({gpu.kind}), and no card is seen inside", _GPU_HINT
        )

    async def ensure(self, seat: SeatSpec) -> SeatHandle:
        """Has both containers running; the first of a session's name stays the only one."""
        session_id = seat.session.session_id
        async with self._locks[session_id]:
            seat_box = await self._engine.inspect(container_name(session_id, "seat"))
            is_over = seat_box is not None and not seat_box.is_running and seat_box.status != "created"
            is_complete = seat_box is not None and seat_box.is_running and not self._awaits_cell(session_id)
            if is_over or is_complete:
                return await self._handle(session_id)
            probe = await self.probe()
            if not probe.ok and seat_box is None:
                raise _refusal(probe)
            if self._is_podman:
                refuse_on_podman(seat.session.game)
            seat = seat.model_copy(update={"isolation": "container"})
            try:
                async with asyncio.timeout(self._config.placing_timeout_s):
                    await self._place(seat, seat_box)
            except NameTaken:
                raise  # what has this name is somebody else's
            except (Unavailable, Unsupported, Exhausted):
                await self._clear(session_id)
                raise
            except TimeoutError:
                await self._clear(session_id)
                raise Unavailable(f"The session was not placed in {self._config.placing_timeout_s:g} s") from None
            except OSError as error:
                await self._clear(session_id)
                raise Unavailable(f"The session's folders can't be made: {error.strerror}: {error.filename}") from error
            return await self._handle(session_id)

    async def _place(self, seat: SeatSpec, seat_box: Box | None) -> None:
        session_id = seat.session.session_id
        has_runtimes = (Path(seat.library_dir) / RUNTIMES_FOLDER).is_dir()
        if seat_box is None or not seat_box.is_running:
            await self._clear(session_id)  # what a runner left that was killed here
            await self._start_seat(seat, has_runtimes=has_runtimes)
        elif docker_warm.is_to_be_handed(seat):
            await asyncio.to_thread(self._lay_out, seat)
            await docker_warm.hand_over(seat)
        if not await self._until_seat(seat, is_waiting=True):
            return
        await self._start_cell(seat, has_runtimes=has_runtimes)
        await self._until_seat(seat, is_waiting=False)

    async def _start_cell(self, seat: SeatSpec, *, has_runtimes: bool) -> None:
        name = container_name(seat.session.session_id, "cell")
        await self._engine.remove(name)
        game = await self._layers.mount(seat)
        joined = await self._networks.ensure(seat)
        config = cell_config(
            seat, self._config.premises, has_runtimes=has_runtimes, game=game, network=joined.mode, lan=joined.lan
        )
        await self._engine.create(name, in_podmans_words(config) if self._is_podman else config)
        try:
            await self._engine.start(name)
        except Unavailable as error:
            if not self._layers.is_at_fault(game, error):
                raise
            await self._start_cell(seat, has_runtimes=has_runtimes)

    async def _start_seat(self, seat: SeatSpec, *, has_runtimes: bool) -> None:
        """With the first media port that the machine has free."""
        name = container_name(seat.session.session_id, "seat")
        ways = await docker_media.published(seat, self._config.premises, self._engine, self._host)
        for number, placed in enumerate(ways, 1):
            await asyncio.to_thread(self._lay_out, placed)
            await self._engine.create(name, seat_config(placed, self._config.premises, has_runtimes=has_runtimes))
            try:
                await self._engine.start(name)
            except PortTaken:
                await self._engine.remove(name)
                if number == len(ways):
                    raise
            else:
                return

    async def _until_seat(self, seat: SeatSpec, *, is_waiting: bool) -> bool:
        """Returns once the seat awaits init, or once it has it; False where it has ended by itself before. Raises
        `Unavailable` when a container died."""
        session_id = seat.session.session_id
        path = Path(seat.runtime_dir) / RuntimeFolder.INIT_SOCKET
        names: tuple[Role, ...] = ("seat",) if is_waiting else ("seat", "cell")
        asked_s = time.monotonic()
        while path.exists() != is_waiting:
            if time.monotonic() - asked_s > _ASK_S:
                asked_s = time.monotonic()
                for role in names:
                    await self._must_run(session_id, role)
                if self._store.end(session_id) is not None:
                    return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def _must_run(self, session_id: str, role: Role) -> None:
        name = container_name(session_id, role)
        box = await self._engine.inspect(name)
        if box is None or box.is_running or (role == "seat" and box.exit_code == 0):
            return
        said = await self._engine.said(name) or " ".join(self._store.log_tail(session_id, lines=3))
        raise Unavailable(f"The {role}'s container did not come up (exit code {box.exit_code}): {said}")

    def _lay_out(self, seat: SeatSpec) -> None:
        directory = self._store.open(seat.session.session_id)
        runtime = Path(seat.runtime_dir)
        runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store.save_spec(seat)
        uid, gid = (int(number) for number in self._config.premises.user.split(":"))
        is_root = os.getuid() == 0
        make_saves(seat, owner=(uid, gid) if is_root else None)
        if is_root:
            for path in (directory, directory / "spec.json", runtime):
                os.chown(path, uid, gid)

    async def observe(self, handle: SeatHandle) -> Observation:
        """Looks at both containers; `UNKNOWN` while the engine does not answer."""
        session_id = handle.session_id
        try:
            seat, cell = await self._boxes(session_id)
        except Unavailable:
            return Observation(SeatPhase.UNKNOWN)
        place = _place_of(seat, cell)
        was_out_of_memory = any(box is not None and box.was_out_of_memory for box in (seat, cell))
        if seat is None or seat.status == "created":
            return Observation(SeatPhase.ABSENT, place=place)
        if not seat.is_running:
            return Observation(SeatPhase.EXITED, seat.exit_code, was_out_of_memory, place)
        if (cell is None or cell.status == "created") and self._awaits_cell(session_id):
            return Observation(SeatPhase.ABSENT, place=place)  # a runner was killed between the two
        return Observation(SeatPhase.RUNNING, None, was_out_of_memory, place)

    def _awaits_cell(self, session_id: str) -> bool:
        runtime = self._config.runtime_dir / session_id
        return not (runtime / RuntimeFolder.X11).exists() or (runtime / RuntimeFolder.INIT_SOCKET).exists()

    async def stop(self, handle: SeatHandle, *, grace_s: float) -> None:
        """SIGTERM to the seat, which ends the game; then both containers and the sockets are removed."""
        session_id = handle.session_id
        async with self._locks[session_id]:
            if grace_s > 0:
                name = container_name(session_id, "seat")
                await self._engine.signal(name, "SIGTERM")
                if not await self._engine.wait(name, timeout_s=grace_s):
                    log.warning("seat_ignored_sigterm", session_id=session_id, grace_s=grace_s)
            try:
                await self._clear(session_id)
            except ExceptionGroup as failed:  # of both containers' removals
                raise Unavailable(f"Containers of session {session_id} can't be removed now") from failed
        if not self._locks[session_id].locked():
            self._locks.pop(session_id, None)

    async def _clear(self, session_id: str) -> None:
        roles: tuple[Role, ...] = ("seat", "cell")
        async with asyncio.TaskGroup() as group:
            for role in roles:
                group.create_task(self._engine.remove(container_name(session_id, role)))
        await self._layers.remove(session_id)
        await self._networks.remove(session_id)
        self._counters.pop(session_id, None)
        self._cell_networks.forget(session_id)
        await asyncio.to_thread(shutil.rmtree, self._config.runtime_dir / session_id, ignore_errors=True)

    async def owned(self) -> AsyncIterator[SeatHandle]:
        """Sessions that have a container, started or not, a volume, network or socket folder; raises `Unavailable`."""
        found: dict[str, str] = {}
        boxes = [box for box in await self._engine.ours() if box.session_id]
        await asyncio.to_thread(self._compare, boxes)
        for box in boxes:
            found[box.session_id] = f"{found.get(box.session_id, '')} {box.role} {box.id[:12]}".strip()
        for session_id in (*await self._engine.our_volumes(), *await self._networks.sessions()):
            found.setdefault(session_id, "")
        await self._networks.sweep()
        if self._config.runtime_dir.is_dir():
            for entry in self._config.runtime_dir.iterdir():
                if processes.is_session_folder(entry, SESSION_ID_PATTERN):
                    found.setdefault(entry.name, "")
        for session_id, place in found.items():
            yield SeatHandle(session_id, place)

    def _compare(self, boxes: Sequence[Box]) -> None:
        """Tells once of each that it runs with another version's or other settings' configuration; it goes on."""
        halves = {box.id: box for box in boxes if box.is_running and box.role in ("seat", "cell")}
        for box in [box for id_, box in halves.items() if id_ not in self._compared]:
            spec = self._store.spec(box.session_id)
            if spec is not None and not docker_digest.is_as_made_here(box, spec, self._config.premises):
                log.warning("session_keeps_other_configuration", session_id=box.session_id, half=box.role)
        self._compared = set(halves)

    async def changes(self) -> AsyncIterator[SeatHandle]:
        """A handle for each container that ended; one for all sessions whenever the engine is back."""
        async for box in self._engine.changes():
            if box is not None:
                yield SeatHandle(box.session_id)
                continue
            async for handle in self._known():
                yield handle

    async def _known(self) -> AsyncIterator[SeatHandle]:
        for session_id in self._store.ids():
            yield SeatHandle(session_id)

    async def usage(self, handle: SeatHandle) -> Usage:
        """By the containers' cgroup files where the runner sees them, else by asking the engine."""
        counters = self._counters.get(handle.session_id)
        if counters is None or counters.are_gone:
            boxes = await self._boxes(handle.session_id)
            running = [box for box in boxes if box is not None and box.is_running]
            counters = docker_usage.find({box.id: box.pid for box in running})
            if counters is None:
                return await self._measured_by_engine(running)
            if len(running) == len(boxes):  # else a half is still to come
                self._counters[handle.session_id] = counters
        used = self._cell_networks.onto(counters.read(datetime.now(UTC)), handle.session_id, counters.cell_pids)
        return await self._gpus.onto(used, counters.pids)

    async def limit(self, handle: SeatHandle, resources: Resources) -> None:
        """By the engine."""
        await self._engine.update(container_name(handle.session_id, "cell"), bounds(Limits.of(resources)))

    async def _measured_by_engine(self, boxes: list[Box]) -> Usage:
        stats = [await self._engine.stats(box.id) for box in boxes]
        return docker_usage.total([found for found in stats if found is not None], datetime.now(UTC))

    async def close(self) -> None:
        """Lets go of the engine; containers go on."""
        await self._engine.close()

    async def _handle(self, session_id: str) -> SeatHandle:
        return SeatHandle(session_id, _place_of(*await self._boxes(session_id)))

    async def _boxes(self, session_id: str) -> tuple[Box | None, Box | None]:
        """The seat's container and the cell's."""
        seat = await self._engine.inspect(container_name(session_id, "seat"))
        return seat, await self._engine.inspect(container_name(session_id, "cell"))


def _place_of(seat: Box | None, cell: Box | None) -> str:
    halves = (("seat", seat), ("cell", cell))
    return " ".join(f"{name} {box.id[:12]} ({box.status})" for name, box in halves if box is not None)


def _refusal(probe: Probe) -> Unsupported:
    problem = probe.problem
    assert problem is not None
    return Unsupported(f"This machine can't hold a game: {problem.detail}", hint=problem.hint)
