"""What every backend promises, tried on each that this machine has: processes with cgroups and without, containers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from apps.runner.tests import standin
from tests import container_engine

from dillinger_contracts import Conflict, Exhausted, Game, NativeLaunch, Resources, SeatSpec, SessionSpec, StreamProfile
from dillinger_contracts.ice import MediaAccess, PortRange
from dillinger_runner.backends.base import Backend, Finding, SeatHandle, SeatPhase
from dillinger_runner.backends.docker import DockerBackend, DockerConfig
from dillinger_runner.backends.docker_engine import Engine, PortTaken
from dillinger_runner.backends.docker_hands import Stores
from dillinger_runner.backends.docker_media import port_of
from dillinger_runner.backends.docker_spec import Gpu, Premises, container_name, seat_config
from dillinger_runner.backends.identity import read_identity
from dillinger_runner.backends.process import ProcessBackend
from dillinger_runner.backends.seat_processes import ProcessConfig
from dillinger_runner.cgroups import DiskRate, Limits, disk_rate
from dillinger_runner.store import SessionStore

MIB = 1 << 20
WAIT_S = 60
SEAT_LIMITS = Limits(256 * MIB, 2.0, 64)
KINDS = ("process-cgroups", "process", "docker")


@dataclass
class Bench:
    """A backend, a second one as a restarted runner would have it, and a way to kill behind their backs."""

    kind: str
    root: Path
    session_id: str
    image: str
    made: list[Backend] = field(default_factory=list)
    premises: Premises = field(init=False)
    """For containers."""
    media_ports: PortRange | None = None

    def __post_init__(self) -> None:
        images = {"native": self.image}
        user, instance = container_engine.USER, f"test-{os.getpid()}"
        self.premises = Premises(instance, user, self.image, images, SEAT_LIMITS, seat_network="none")

    @property
    def stores(self) -> Stores:
        return Stores(self.root / "run", self.root / "sessions", self.root / "saves", self.root / "library")

    def backend(self) -> Backend:
        store = SessionStore(self.root / "sessions")
        instance = f"test-{os.getpid()}"
        if self.kind == "docker":
            engine = Engine(container_engine.HOST, instance)
            backend: Backend = DockerBackend(
                DockerConfig(self.stores, self.premises, self.media_ports, placing_timeout_s=WAIT_S), store, engine
            )
        else:
            config = ProcessConfig(
                runtime_dir=self.root / "run",
                seat_command=(sys.executable, standin.__file__),
                cgroup="auto" if self.kind == "process-cgroups" else "none",
                instance=instance,
                seat_limits=SEAT_LIMITS,
            )
            backend = ProcessBackend(config, store)
        self.made.append(backend)
        return backend

    def spec(self, *modes: str) -> SeatSpec:
        game = Game(game_id="game", title="Game", launch=NativeLaunch(command=("standin", *modes)))
        (self.root / "library/game").mkdir(parents=True, exist_ok=True)
        return SeatSpec(
            session=SessionSpec(
                session_id=self.session_id,
                user_id="ann",
                game=game,
                resources=Resources(memory_bytes=64 * MIB, pids=16, cpu_cores=1.0),
                profile=StreamProfile(),
                created_at=datetime.now(UTC),
            ),
            session_dir=str(self.root / "sessions" / self.session_id),
            runtime_dir=str(self.root / "run" / self.session_id),
            library_dir=str(self.root / "library"),
            saves_dir=str(self.root / "saves/ann/game"),
            control_url="ws://127.0.0.1:1/seats",
            control_token="t" * 43,
            ticket_key="k" * 43,
        )

    async def kill_seat(self) -> None:
        if self.kind == "docker":
            engine = Engine(container_engine.HOST, "tests")
            await engine.signal(container_name(self.session_id, "seat"), "SIGKILL")
            await engine.close()
        else:
            identity = read_identity(self.root / "sessions" / self.session_id)
            assert identity is not None
            os.kill(identity.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def standin_image() -> Iterator[str]:
    """A seat's image in which the stand-in sits where the seat would."""
    python = "/opt/dillinger/bin/python"
    tag = container_engine.derived(
        container_engine.image("seat"), {"standin.py": Path(standin.__file__)}, [python, "/standin.py"]
    )
    yield tag
    container_engine.forget(tag)


@pytest.fixture(params=KINDS)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    image = request.getfixturevalue("standin_image") if request.param == "docker" else ""
    session_id = f"{os.getpid()}{os.urandom(10).hex()}"[:20]
    bench = Bench(request.param, tmp_path, session_id, image)
    yield bench
    for backend in bench.made:
        async for handle in backend.owned():
            await backend.stop(handle, grace_s=0)
        await backend.close()


async def until(backend: Backend, phase: SeatPhase, session_id: str) -> int | None:
    """Listens for wake-ups until the seat is seen in this phase; its exit code."""
    async with asyncio.timeout(WAIT_S):
        seen = await backend.observe(SeatHandle(session_id))
        changes = backend.changes()
        while seen.phase is not phase:
            assert (await anext(changes)).session_id == session_id
            seen = await backend.observe(SeatHandle(session_id))
    return seen.exit_code


async def test_it_is_usable_here_and_says_what_it_looked_at(bench: Bench) -> None:
    probe = await bench.backend().probe()
    assert probe.ok, probe.findings
    assert all(finding.detail for finding in probe.findings)


async def test_many_at_once_are_one_seat(bench: Bench) -> None:
    """ensure is idempotent: ten calls at once, and one by another runner, find the same."""
    backend, spec = bench.backend(), bench.spec("mute")
    handles = await asyncio.gather(*(backend.ensure(spec) for _ in range(10)))
    assert len({handle.place for handle in handles}) == 1
    assert (await backend.observe(handles[0])).phase is SeatPhase.RUNNING
    heir = bench.backend()
    assert (await heir.ensure(spec)).place == handles[0].place
    assert [handle.session_id async for handle in heir.owned()] == [bench.session_id]


async def test_another_backend_finds_the_seat_and_hears_of_its_end(bench: Bench) -> None:
    """What a runner does after its restart: the seat is nobody's child there."""
    await bench.backend().ensure(bench.spec("mute"))
    heir = bench.backend()
    assert [handle.session_id async for handle in heir.owned()] == [bench.session_id]
    await bench.kill_seat()
    assert await until(heir, SeatPhase.EXITED, bench.session_id) in (None, 137)


async def test_a_seat_that_ended_is_not_started_again(bench: Bench) -> None:
    backend, spec = bench.backend(), bench.spec("mute")
    handle = await backend.ensure(spec)
    await bench.kill_seat()
    assert await until(backend, SeatPhase.EXITED, bench.session_id) in (-9, 137)
    await backend.ensure(spec)
    assert (await backend.observe(handle)).phase is SeatPhase.EXITED


async def test_usage_is_measured_while_it_runs_and_unknown_afterwards(bench: Bench) -> None:
    backend = bench.backend()
    handle = await backend.ensure(bench.spec("mute"))
    async with asyncio.timeout(WAIT_S):  # from its first instant on, before anything has filled its memory
        used = await backend.usage(handle)
        while not (used.memory_bytes and used.cpu_s and used.processes):
            await asyncio.sleep(0.05)
            used = await backend.usage(handle)
    await backend.stop(handle, grace_s=0)
    assert (await backend.usage(handle)).memory_bytes is None


async def test_stop_is_idempotent_and_leaves_nothing(bench: Bench) -> None:
    backend = bench.backend()
    handle = await backend.ensure(bench.spec("mute"))
    for _ in range(2):
        await backend.stop(handle, grace_s=5)
    assert (await backend.observe(handle)).phase in (SeatPhase.ABSENT, SeatPhase.EXITED)
    assert [handle async for handle in backend.owned()] == []
    assert not (bench.root / "run" / bench.session_id).exists()
    await backend.stop(SeatHandle("z9" * 10), grace_s=0)


def own(folder: str) -> None:
    """A folder that containers may write to."""
    uid, gid = map(int, container_engine.USER.split(":"))
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.chown(folder, uid, gid)


@pytest.mark.parametrize("bench", ["docker"], indirect=True)
async def test_a_session_of_other_settings_goes_on_and_is_told_of(bench: Bench) -> None:
    """Settings that its limits are not part of, since those can be changed while it runs."""
    handle = await bench.backend().ensure(bench.spec("mute"))
    heir = bench.backend()
    assert await told_of(heir) == []
    bench.premises = replace(bench.premises, seat_limits=Limits(128 * MIB, 1.0, 32))
    assert await told_of(bench.backend()) == []
    bench.premises = replace(bench.premises, disk_rate=DiskRate("1:3", "/dev/null", 1 << 30))
    heir = bench.backend()
    assert await told_of(heir) == [("cell", bench.session_id)]
    assert await told_of(heir) == [], "once"
    assert (await heir.observe(handle)).phase is SeatPhase.RUNNING


async def told_of(backend: Backend) -> list[tuple[str, str]]:
    """Of which halves of which sessions it says that they are not as it would make them."""
    with structlog.testing.capture_logs() as said:
        assert [handle async for handle in backend.owned()]
    event = "session_keeps_other_configuration"
    return [(line["half"], line["session_id"]) for line in said if line["event"] == event]


@pytest.mark.parametrize("bench", ["docker"], indirect=True)
async def test_what_a_killed_runner_had_half_placed_is_finished(bench: Bench) -> None:
    """The seat's container is there and waits, its cell's was never made; and no answer is ever taken for an end."""
    backend, spec = bench.backend(), bench.spec("mute").model_copy(update={"isolation": "container"})
    await backend.ensure(spec)
    engine = Engine(container_engine.HOST, bench.premises.instance)
    try:
        await backend.stop(SeatHandle(bench.session_id), grace_s=0)
        await asyncio.to_thread(own, spec.runtime_dir)
        name = container_name(bench.session_id, "seat")
        await engine.create(name, seat_config(spec, bench.premises))
        heir = bench.backend()
        assert (await heir.observe(SeatHandle(bench.session_id))).phase is SeatPhase.ABSENT, "made, never started"
        await engine.start(name)
        assert (await heir.observe(SeatHandle(bench.session_id))).phase is SeatPhase.ABSENT, "its cell is not there"
        await heir.ensure(spec)
        assert (await heir.observe(SeatHandle(bench.session_id))).phase is SeatPhase.RUNNING
        assert await engine.inspect(container_name(bench.session_id, "cell")) is not None
    finally:
        await engine.close()


@pytest.mark.parametrize("bench", ["docker"], indirect=True)
async def test_limits_are_changed_by_the_engine_while_a_game_runs(bench: Bench) -> None:
    backend, spec = bench.backend(), bench.spec("well")
    handle = await backend.ensure(spec)
    for memory_bytes in (512 * MIB, 96 * MIB):  # more, then less than at the start
        wanted = spec.session.resources.model_copy(update={"memory_bytes": memory_bytes, "pids": 99})
        await backend.limit(handle, wanted)
        found = container_engine.configuration(container_name(bench.session_id, "cell"))
        assert (found["Memory"], found["MemorySwap"], found["PidsLimit"]) == (memory_bytes, memory_bytes, 99)
    await backend.stop(handle, grace_s=0)
    with pytest.raises(Conflict, match="does not run"):
        await backend.limit(handle, spec.session.resources)


@pytest.mark.full
@pytest.mark.parametrize("bench", ["docker"], indirect=True)
async def test_a_cells_disk_is_bounded_by_the_engine(bench: Bench) -> None:
    """Read and written past the kernel's memory, as version 1 bounds it. No load makes it faster than allowed."""
    rate = disk_rate(bench.root, MIB)
    if rate is None:
        pytest.skip("no disk of this machine holds the tests' folder")
    bench.premises = replace(bench.premises, disk_rate=rate)
    backend = bench.backend()
    [told] = [finding for finding in (await backend.probe()).findings if finding.name == "disk"]
    if not told.ok:
        pytest.skip(f"no bound for disks: {told.detail}")
    spec = bench.spec("mute")
    own(spec.saves_dir)
    await backend.ensure(spec)
    name = container_name(bench.session_id, "cell")
    found = container_engine.configuration(name)
    assert found["BlkioDeviceReadBps"] == found["BlkioDeviceWriteBps"] == [{"Path": rate.node, "Rate": MIB}]
    for way in ("if=/dev/zero of=file oflag=direct conv=notrunc", "if=file of=/dev/null iflag=direct"):
        began_s = time.monotonic()
        code, said = container_engine.run_inside(name, f"cd ~ && dd bs=64K count=64 {way}")
        took_s = time.monotonic() - began_s
        assert code == 0, said
        assert took_s > 2, f"4 MiB in {took_s:.2f} s: {way}"


@pytest.mark.parametrize("bench", ["docker"], indirect=True)
async def test_a_session_that_finds_no_media_port_gets_that_of_a_seat_that_waits(bench: Bench) -> None:
    bench.premises = replace(bench.premises, seat_network="bridge")
    backend, waits = await waiting_with_the_only_port(bench)
    assert bench.media_ports is not None and backend.warm_seats is not None
    with pytest.raises(Exhausted, match="All media ports"):
        await backend.warm_seats.warm(bench.session_id)
    spec = bench.spec("mute")
    await backend.ensure(spec.model_copy(update={"media": MediaAccess(ports=bench.media_ports)}))
    assert container_engine.box(waits, "seat") is None
    seat = container_engine.box(bench.session_id, "seat")
    assert seat is not None and seat.is_running and port_of(seat) == bench.media_ports.first
    told = SeatSpec.model_validate_json((bench.root / "sessions" / bench.session_id / "spec.json").read_text())
    assert told.media.is_behind_nat and told.media.addresses


async def waiting_with_the_only_port(bench: Bench) -> tuple[Backend, str]:
    """A backend whose sessions have one media port, and the seat that has it."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        bench.media_ports = PortRange(first=port, last=port)
        backend, seat_id = bench.backend(), f"{os.getpid()}{os.urandom(10).hex()}"[:20]
        assert backend.warm_seats is not None
        with suppress(PortTaken):  # by somebody else in between
            await backend.warm_seats.warm(seat_id)
            return backend, seat_id


@pytest.fixture
def cards() -> Iterator[str]:
    """Two CDI devices of the engine's: `words` brings a variable and no card, `null` a node as a card's is named."""
    device = f"dillinger.test/gpu{os.getpid()}"
    node = {"path": "/dev/nvidia0", "hostPath": "/dev/null"}
    edits = {"words": {"env": ["CARD=0"]}, "null": {"deviceNodes": [node]}}
    devices = [{"name": name, "containerEdits": edit} for name, edit in edits.items()]
    said = {"cdiVersion": "0.6.0", "kind": device, "devices": devices}
    with container_engine.cdi_file(f"dillinger-test-{os.getpid()}.json", json.dumps(said)):
        yield device


@pytest.mark.parametrize("bench", ["docker"], indirect=True)
@pytest.mark.parametrize(
    ("name", "words"), [("none-such", "no container with a graphics card"), ("words", "no card is seen inside")]
)
async def test_a_graphics_card_is_not_believed_but_looked_for(bench: Bench, cards: str, name: str, words: str) -> None:
    backend, found = await looked_at(bench, f"{cards}={name}", words)
    assert not found.ok and found.hint
    assert not backend.capabilities.gpu
    assert (await backend.probe()).ok, "games without a card can be played"
    assert [handle async for handle in backend.owned()] == []


@pytest.mark.parametrize("bench", ["docker"], indirect=True)
@pytest.mark.parametrize(("name", "words"), [("null", "is seen in a container"), ("words", "no card is seen inside")])
async def test_a_seat_is_told_of_a_card_that_was_seen(bench: Bench, cards: str, name: str, words: str) -> None:
    backend, found = await looked_at(bench, f"{cards}={name}", words)
    await backend.ensure(bench.spec("mute"))
    told = SessionStore(bench.root / "sessions").spec(bench.session_id)
    assert told is not None and told.has_graphics_card is found.ok is backend.capabilities.gpu is (name == "null")


async def looked_at(bench: Bench, device: str, words: str) -> tuple[Backend, Finding]:
    """A backend that is to give this CDI device, once its probe says so of it."""
    bench.premises = replace(bench.premises, gpu=Gpu("cdi", device))
    backend, found = bench.backend(), Finding("gpu", False, "")
    async with asyncio.timeout(WAIT_S):
        while words not in found.detail:  # the engine reads its files anew when it hears of a change
            backend = bench.backend()
            [found] = [finding for finding in (await backend.probe()).findings if finding.name == "gpu"]
    return backend, found
