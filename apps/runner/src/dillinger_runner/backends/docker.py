"""The docker backend: a session is two containers, its seat and its cell, which outlive the runner.

The runner's loop owns it. What runs is what the engine lists under this runner's label; the backend remembers nothing
that it could not ask again. The seat's container is first: it makes the sockets, and awaits the cell's init; then the
cell's container is made, over what is there. An engine that does not answer says nothing about a session.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from dillinger_contracts import Exhausted, Resources, SeatSpec, Unavailable, Unsupported
from dillinger_contracts.cell import RuntimeFolder
from dillinger_contracts.ice import PortRange
from dillinger_contracts.model import SESSION_ID_PATTERN
from dillinger_contracts.wine import RUNTIMES_FOLDER
from dillinger_runner.cgroups import Limits
from dillinger_runner.saves import make_saves
from dillinger_runner.store import SessionStore

from . import docker_digest, docker_media, docker_warm, processes
from .base import BackendCapabilities, Observation, Probe, SeatHandle, SeatPhase, Usage, WarmSeats
from .docker_box import Box
from .docker_engine import Engine, NameTaken
from .docker_findings import in_podmans_words, refuse_on_podman
from .docker_hands import Hands, Stores
from .docker_host import FRESH_S, HostLook
from .docker_layers import GameLayers
from .docker_net import CellNetworks
from .docker_probe import EngineProbe
from .docker_spec import Config, Premises, Role, bounds, cell_config, container_name, seat_config
from .docker_usage import ContainerMeter

_LOOK_S, _ASK_S = 0.01, 0.5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """What a docker backend is told."""

    stores: Stores
    premises: Premises
    media_ports: PortRange | None = None
    """Of which each seat publishes one, where it has a network of its own."""
    placing_timeout_s: float = 30.0
    are_limits_required: bool = False

    @property
    def runtime_dir(self) -> Path:
        """Where sessions' sockets are."""
        return self.stores.runtime_dir


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
        self._hands = Hands(config.premises, config.stores, engine)
        self._warm = docker_warm.WarmContainers(
            config.premises,
            config.runtime_dir,
            engine,
            self._hands,
            self._host,
            media_ports=config.media_ports,
            ensure=self.ensure,
        )
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._meter = ContainerMeter(engine)
        needs_limits = config.are_limits_required
        self._probe = EngineProbe(config.premises, engine, self._meter, are_limits_required=needs_limits)
        self._compared: set[str] = set()

    @property
    def capabilities(self) -> BackendCapabilities:
        """What the last probe found."""
        findings = self._probe.verdicts
        return BackendCapabilities(
            gpu=self._config.premises.gpu is not None and findings.get("gpu", False),
            limits=findings.get("limits", False),
            isolation=findings.get("engine", False),
        )

    @property
    def warm_seats(self) -> WarmSeats:
        """Whether folders can be handed is tried before each is started."""
        return self._warm

    async def probe(self) -> Probe:
        """Engine, images, limits and user; a good answer is remembered for half a minute, a bad one not at all."""
        return await self._probe.look()

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
            if self._probe.is_podman:
                refuse_on_podman(seat.session.game)
            has_card = self.capabilities.gpu
            seat = seat.model_copy(update={"isolation": "container", "has_graphics_card": has_card})
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
            port = docker_media.port_of(seat_box)
            seat = await docker_media.placed(seat, port, self._host, max_age_s=docker_media.STALE_S)
            await asyncio.to_thread(self._lay_out, seat)
            await self._warm.hand_over(seat, has_runtimes=has_runtimes)
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
        await self._engine.create(name, in_podmans_words(config) if self._probe.is_podman else config)
        try:
            await self._engine.start(name)
        except Unavailable as error:
            if not self._layers.is_at_fault(game, error):
                raise
            await self._start_cell(seat, has_runtimes=has_runtimes)

    async def _start_seat(self, seat: SeatSpec, *, has_runtimes: bool) -> None:
        """With the first media port that the machine has free."""

        async def make(port: int | None) -> Config:
            placed = await docker_media.placed(seat, port, self._host, max_age_s=FRESH_S)
            await asyncio.to_thread(self._lay_out, placed)
            return seat_config(placed, self._config.premises, has_runtimes=has_runtimes)

        name = container_name(seat.session.session_id, "seat")
        await docker_media.start(self._engine, name, await self._free_ports(seat), make)

    async def _free_ports(self, seat: SeatSpec) -> Sequence[int | None]:
        """A session that finds none takes that of a seat that waits."""
        wanted = seat.media.ports, self._config.premises, self._engine
        try:
            return await docker_media.free_ports(*wanted)
        except Exhausted:
            if not await self._warm.give_up_one():
                raise
            return await docker_media.free_ports(*wanted)

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
        self._meter.forget(session_id)
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
        """By cgroup files where the runner sees them, else by asking the engine."""
        return await self._meter.usage(handle.session_id)

    async def limit(self, handle: SeatHandle, resources: Resources) -> None:
        """By the engine."""
        await self._engine.update(container_name(handle.session_id, "cell"), bounds(Limits.of(resources)))

    async def close(self) -> None:
        """Lets go of the engine; containers go on."""
        await self._hands.close()
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
