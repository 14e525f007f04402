"""The composition root: settings in, a runner that serves out. The only file that knows all parts."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from dillinger_contracts import Conflict, EndReason
from dillinger_contracts.ice import MediaAccess

from .admission import Capacity, machine
from .api import bounds, pool, problems, runtimes, saves, seats, service, sessions
from .api.limits import BodyLimit
from .backends.base import Backend
from .backends.docker import DockerBackend, DockerConfig
from .backends.docker_engine import Engine
from .backends.docker_hands import Stores
from .backends.docker_spec import MountRule, Premises
from .backends.gpu import find_gpu
from .backends.process import ProcessBackend
from .backends.seat_processes import ProcessConfig
from .bounds import BoundsDesk
from .cgroups import DiskRate, Limits, disk_rate
from .control import ControlDesk
from .ice import IceServers
from .keeper import Keeper, KeeperConfig
from .keys import KeyRing, ensure_keys, parse_environment
from .reconcile import Deadlines
from .settings import RunnerSettings
from .store import SessionStore
from .templates import TemplateConfig, WineTemplates
from .waiting import QueueRules
from .wishes import Places

_STOP_MARGIN_S = 10.0
_SEAT_DISK_WEIGHT = 800

log = structlog.get_logger()


async def choose_backend(settings: RunnerSettings, store: SessionStore) -> Backend:
    """The backend that the settings name; for `auto` the first that is usable, else the first, which says why not."""
    kinds = ("process", "docker") if settings.backend == "auto" else (settings.backend,)
    first, *others = (build_backend(kind, settings, store) for kind in kinds)
    if not others or (await first.probe()).ok:
        return await _only(first, others)
    for place, other in enumerate(others):
        if (await other.probe()).ok:
            return await _only(other, [first, *others[:place], *others[place + 1 :]])
    return await _only(first, others)


async def _only(chosen: Backend, others: list[Backend]) -> Backend:
    for other in others:
        await other.close()
    return chosen


def instance_of(state_dir: Path) -> str:
    """Names the runner of a state folder to those that other runners on this machine may use too."""
    return "runner-" + hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:8]


def build_backend(kind: str, settings: RunnerSettings, store: SessionStore) -> Backend:
    """A backend of this kind."""
    instance = instance_of(settings.state_dir)
    return _docker(settings, store, instance) if kind == "docker" else _process(settings, store, instance)


def _process(settings: RunnerSettings, store: SessionStore, instance: str) -> ProcessBackend:
    config = ProcessConfig(
        runtime_dir=settings.runtime_dir,
        seat_command=settings.seat_command,
        cgroup=settings.cgroup,
        instance=instance,
        seat_limits=_seat_limits(settings),
        disk_rate=_disk_rate(settings),
        placing_timeout_s=settings.placing_timeout_s,
        is_isolation_required=settings.isolation == "required",
        are_limits_required=settings.limits == "required",
    )
    return ProcessBackend(config, store)


def _docker(settings: RunnerSettings, store: SessionStore, instance: str) -> DockerBackend:
    premises = Premises(
        instance=instance,
        user=settings.docker_user,
        seat_image=settings.docker_seat_image,
        cell_images={
            "native": settings.docker_native_image,
            "wine": settings.docker_wine_image,
            "proton": settings.docker_wine_image,
        },
        seat_limits=_seat_limits(settings),
        seat_network=settings.docker_seat_network,
        rules=tuple(MountRule.parse(text) for text in settings.docker_mounts),
        gpu=find_gpu(settings.docker_gpu),
        disk_rate=_disk_rate(settings),
    )
    config = DockerConfig(
        stores=Stores(settings.runtime_dir, settings.sessions_dir, settings.saves_path, settings.library_path),
        premises=premises,
        media_ports=settings.media_port_range,
        placing_timeout_s=settings.start_timeout_s,
        are_limits_required=settings.limits == "required",
    )
    return DockerBackend(config, store, Engine(settings.docker_host, instance))


def _disk_rate(settings: RunnerSettings) -> DiskRate | None:
    rate = disk_rate(settings.saves_path, settings.cell_disk_bytes_per_s)
    if rate is None and settings.cell_disk_bytes_per_s:
        log.warning("disk_not_bounded", folder=str(settings.saves_path), reason="no one disk of this machine holds it")
    return rate


def _seat_limits(settings: RunnerSettings) -> Limits:
    # Where the kernel shares the disk by weight, seats go first.
    memory_bytes, cpu_cores, pids = settings.seat_memory_bytes, settings.seat_cpu_cores, settings.seat_pids
    return Limits(memory_bytes, cpu_cores, pids, disk_weight=_SEAT_DISK_WEIGHT)


def build_keeper(settings: RunnerSettings, backend: Backend, store: SessionStore, *, port: int) -> Keeper:
    """The keeper with what it keeps by; seats dial `port`."""
    config = KeeperConfig(
        places=_places(settings, backend, settings.control_url or _control_url(settings.host, port)),
        capacity=Capacity(
            max_sessions=settings.max_sessions,
            memory_reserve_bytes=settings.memory_reserve_bytes,
            memory_overcommit=settings.memory_overcommit,
            seat_memory_bytes=settings.seat_memory_bytes,
            cpu_overcommit=settings.cpu_overcommit,
            user_max_sessions=settings.user_max_sessions,
            user_memory_bytes=settings.user_memory_bytes,
            user_cpu_cores=settings.user_cpu_cores,
        ),
        queue=QueueRules(settings.when_full == "wait", settings.queue_sessions, settings.queue_timeout_s),
        deadlines=Deadlines(
            start_s=settings.start_timeout_s,
            unreachable_s=settings.unreachable_timeout_s,
            grace_s=settings.stop_grace_s,
        ),
        term_grace_s=settings.term_grace_s,
        history_sessions=settings.history_sessions,
        history_age_s=settings.history_age_s,
        pool_size=settings.pool_size,
    )
    templates = TemplateConfig(
        seat_command=settings.seat_command,
        folder=settings.wine_templates_dir,
        library_dir=settings.library_path,
        timeout_s=settings.template_timeout_s,
    )
    own_wine = WineTemplates(templates) if backend.kind == "process" else None
    return Keeper(config, backend=backend, store=store, machine=machine, templates=own_wine)


def _places(settings: RunnerSettings, backend: Backend, control_url: str) -> Places:
    turn_secret = settings.turn_secret.get_secret_value() if settings.turn_secret else ""
    return Places(
        sessions_dir=settings.sessions_dir,
        runtime_dir=settings.runtime_dir,
        library_dir=settings.library_path,
        saves_dir=settings.saves_path,
        wine_templates_dir=settings.wine_templates_dir,
        control_url=control_url,
        media=MediaAccess(ports=settings.media_port_range, addresses=settings.media_addresses),
        ice=IceServers(settings.ice_servers, turn_secret, settings.turn_lifetime_s),
        start_timeout_s=settings.start_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
        disk_reserve_bytes=settings.disk_reserve_bytes,
        stream_listen=settings.stream_listen,
        uinput_pads=settings.uinput_pads,
        saves_owner=_saves_owner(settings, backend),
        screen=settings.screen,
    )


def _control_url(host: str, port: int) -> str:
    """Where seats of this machine dial a runner that listens at `host`."""
    host = "127.0.0.1" if host in ("0.0.0.0", "localhost", "") else host  # noqa: S104 compared, not bound
    host = "::1" if host == "::" else host
    at = f"[{host}]" if ":" in host else host
    return f"ws://{at}:{port}/seats"


def _saves_owner(settings: RunnerSettings, backend: Backend) -> tuple[int, int] | None:
    """Who runs games, where only root could have given the saves to them."""
    if backend.kind != "docker" or os.getuid() != 0:
        return None
    uid, gid = settings.docker_user.split(":")
    return int(uid), int(gid)


def build_app(keeper: Keeper, keys: KeyRing) -> FastAPI:
    """The application over these parts; it serves once the keeper has adopted what runs."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        is_ready = asyncio.Event()
        keeping = asyncio.create_task(keeper.run(is_ready=is_ready), name="keeper")
        waiting = asyncio.create_task(is_ready.wait(), name="keeper ready")
        try:
            await asyncio.wait((keeping, waiting), return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
            yield
        finally:
            waiting.cancel()
            keeping.cancel()
            await asyncio.gather(keeping, waiting, return_exceptions=True)

    app = FastAPI(title="Dillinger runner", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.keeper = keeper
    app.state.keys = keys
    app.state.desk = ControlDesk(keeper)
    app.state.bounds = BoundsDesk(keeper)
    problems.install(app)
    app.add_middleware(BodyLimit)
    _route(app)
    return app


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document, made without a keeper."""
    app = FastAPI(title="Dillinger runner")
    _route(app)
    return app.openapi()


def _route(app: FastAPI) -> None:
    routers = (sessions.router, bounds.router, pool.router, saves.router, runtimes.router, seats.router)
    for router in (service.open_router, service.router, *routers):
        app.include_router(router)


class RunnerServer(uvicorn.Server):
    """Uvicorn, ended in our order: sessions first where that is wished, then the feeds, then the connections."""

    def __init__(self, config: uvicorn.Config, keeper: Keeper, *, stop_on_exit: bool) -> None:
        super().__init__(config)
        self._keeper = keeper
        self._is_stopping_sessions = stop_on_exit

    def shut_down(self, stop_sessions: bool) -> None:
        """Begins the end."""
        self._is_stopping_sessions = self._is_stopping_sessions or stop_sessions
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM and SIGINT begin the end; a second one does not wait for it."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends sessions where wished (the API goes on meanwhile, seats need it), then the server."""
        if self._is_stopping_sessions:
            deadlines = self._keeper.config.deadlines
            timeout_s = deadlines.grace_s + self._keeper.config.term_grace_s + _STOP_MARGIN_S
            stopping = asyncio.create_task(self._keeper.stop_all(EndReason.ADMIN_STOP, timeout_s=timeout_s))
            while not stopping.done() and not self.force_exit:
                await asyncio.wait((stopping,), timeout=0.1)
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
        self._keeper.feed.close()
        await super().shutdown(sockets)


async def serve(settings: RunnerSettings) -> None:
    """Serves until it is told to end."""
    with only_runner(settings):
        store = SessionStore(settings.sessions_dir)
        backend = await choose_backend(settings, store)
        ensure_keys(settings.keys_path)
        environment = settings.api_keys.get_secret_value() if settings.api_keys else None
        keys = KeyRing(settings.keys_path, parse_environment(environment))
        listener = _listen(settings)
        port: int = listener.getsockname()[1]
        keeper = build_keeper(settings, backend, store, port=port)
        app = build_app(keeper, keys)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=seats.MESSAGE_LIMIT_BYTES,
            timeout_graceful_shutdown=3,
        )
        server = RunnerServer(config, keeper, stop_on_exit=settings.stop_on_exit)
        app.state.shut_down = server.shut_down
        if not settings.is_loopback:
            log.warning(
                "api_is_open_to_the_network", host=settings.host, hint="There is no TLS here; bind to 127.0.0.1"
            )
        log.info(
            "runner_listening", host=settings.host, port=port, backend=backend.kind, state_dir=str(settings.state_dir)
        )
        try:
            await server.serve(sockets=[listener])
        finally:
            listener.close()
            await backend.close()
            log.info("runner_ended")


@contextmanager
def only_runner(settings: RunnerSettings) -> Iterator[None]:
    """Holds the state folder's lock; raises Conflict while another runner has it."""
    folder = settings.state_dir / "runner"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"Another runner keeps {folder}", hint="End it, or set another state_dir") from error
        yield
    finally:
        os.close(descriptor)


def _listen(settings: RunnerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.create_server((settings.host, settings.port), family=family, backlog=256)
    listener.setblocking(False)
    return listener


async def stop_everything(settings: RunnerSettings, *, grace_s: float) -> int:
    """Ends all sessions of a state folder that no runner keeps; returns how many there were. Without grace: at once."""
    with only_runner(settings):
        store = SessionStore(settings.sessions_dir)
        backend = await choose_backend(settings, store)
        try:
            handles = [handle async for handle in backend.owned()]
            for handle in handles:
                await backend.stop(handle, grace_s=grace_s)
        finally:
            await backend.close()
        return len(handles)
