"""The process backend on this machine: births, identities, limits that the kernel enforces, ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from apps.runner.tests import standin

from dillinger_bench.ledger import living
from dillinger_contracts import Game, NativeLaunch, Resources, SeatSpec, SessionSpec, StreamProfile, Unsupported
from dillinger_contracts.network import Internet, Lan
from dillinger_runner.backends.base import Finding, SeatHandle
from dillinger_runner.backends.counters import Counters
from dillinger_runner.backends.host_network import HostNetwork
from dillinger_runner.backends.identity import (
    BORN,
    TAKEN_EXIT_CODE,
    Identity,
    birth_command,
    boot_id,
    is_alive,
    open_pidfd,
    read_identity,
)
from dillinger_runner.backends.process import ProcessBackend
from dillinger_runner.backends.sandbox_net import walled
from dillinger_runner.backends.seat_processes import ProcessConfig
from dillinger_runner.cgroups import CgroupTree, DiskRate, Limits, disk_rate, find_tree
from dillinger_runner.cgroups.dialect import V1, V2
from dillinger_runner.cgroups.find import own_path_v2, parse_mounts
from dillinger_runner.store import SessionStore

MIB = 1 << 20
ID = "a1" * 10
SEAT_LIMITS = Limits(256 * MIB, 2.0, 64)
STANDIN = (sys.executable, standin.__file__)


def seat_spec(root: Path, *modes: str, session_id: str = ID) -> SeatSpec:
    game = Game(game_id="game", title="Game", launch=NativeLaunch(command=("standin", *modes)))
    return SeatSpec(
        session=SessionSpec(
            session_id=session_id,
            user_id="ann",
            game=game,
            resources=Resources(memory_bytes=64 * MIB, pids=16, cpu_cores=0.5),
            profile=StreamProfile(),
            created_at=datetime.now(UTC),
        ),
        session_dir=str(root / "sessions" / session_id),
        runtime_dir=str(root / "run" / session_id),
        library_dir=str(root / "library"),
        saves_dir=str(root / "saves/ann/game"),
        control_url="ws://127.0.0.1:1/seats",
        control_token="t" * 43,
        ticket_key="k" * 43,
    )


def make_backend(root: Path, *, cgroup: str = "auto", limits_required: bool = False) -> ProcessBackend:
    config = ProcessConfig(
        runtime_dir=root / "run",
        seat_command=STANDIN,
        cgroup=cgroup,
        instance=f"test-{os.getpid()}",
        seat_limits=SEAT_LIMITS,
        are_limits_required=limits_required,
    )
    return ProcessBackend(config, SessionStore(root / "sessions"))


@pytest.fixture(params=["auto", "none"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ProcessBackend]:
    """With cgroups where this machine has them, and without."""
    made = make_backend(tmp_path, cgroup=request.param)
    yield made
    async for handle in made.owned():
        await made.stop(handle, grace_s=0)
    await made.close()


@pytest.fixture
def tree() -> Iterator[CgroupTree]:
    found = find_tree("auto", instance=f"test-tree-{os.getpid()}")
    if not found.is_complete or found.tree is None:
        pytest.skip("no writable cgroups on this machine")
    yield found.tree
    found.tree.kill(ID)
    found.tree.remove(ID)
    assert not [root for root in found.tree.roots.values() if root.exists()]


async def test_stop_is_idempotent_and_leaves_nothing(backend: ProcessBackend, tmp_path: Path) -> None:
    """Children that left the seat's group and session are ended too, as far as cgroups or the tree show them."""
    handle = await backend.ensure(seat_spec(tmp_path, "mute", "children"))
    family = await asyncio.to_thread(of_session, tmp_path, 3)
    for _ in range(2):
        await backend.stop(handle, grace_s=1)
    assert not living(family)
    assert not (tmp_path / "run" / ID).exists()
    assert [handle async for handle in backend.owned()] == []
    await backend.stop(SeatHandle("z9" * 10), grace_s=0)


def of_session(root: Path, count: int) -> list[psutil.Process]:
    """The processes that stand in a folder below `root`, once there are so many."""
    deadline_s = time.monotonic() + 60
    found: list[psutil.Process] = []
    while len(found) < count and time.monotonic() < deadline_s:
        everyone = list(psutil.process_iter(["cwd"]))
        found = [process for process in everyone if (process.info["cwd"] or "").startswith(str(root))]
    assert len(found) >= count
    return found


async def test_a_seat_gets_no_secret_of_the_runner(
    backend: ProcessBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its keys nor descriptors nor anything else of its environment; and others can't read the seat's."""
    monkeypatch.setenv("DILLINGER_RUNNER_API_KEYS", "hush-hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-too")
    await backend.ensure(seat_spec(tmp_path, "mute"))
    identity = read_identity(tmp_path / "sessions" / ID)
    assert identity is not None
    check_seclusion(identity.pid, tmp_path / "sessions" / ID)


def check_seclusion(pid: int, directory: Path) -> None:
    environment = b""
    deadline_s = time.monotonic() + 30
    while not environment and time.monotonic() < deadline_s:  # empty for a moment, while a shell becomes the seat
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"hush" not in environment
    assert b"PATH=" in environment
    assert os.getsid(pid) == pid
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the seat opens and closes files meanwhile
            assert "keys" not in str(descriptor.readlink())
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "spec.json").stat().st_mode) == 0o600


async def test_without_cgroups_each_process_is_bounded(tmp_path: Path) -> None:
    """Best effort: RLIMIT_DATA and no core dumps; the probe says that it is no more."""
    backend = make_backend(tmp_path, cgroup="none")
    probe = await backend.probe()
    assert probe.ok
    [limits] = [finding for finding in probe.findings if finding.name == "limits"]
    assert not limits.ok
    assert limits.hint
    handle = await backend.ensure(seat_spec(tmp_path, "mute"))
    identity = read_identity(tmp_path / "sessions" / ID)
    assert identity is not None
    assert resource.prlimit(identity.pid, resource.RLIMIT_DATA) == (256 * MIB, 256 * MIB)
    assert resource.prlimit(identity.pid, resource.RLIMIT_CORE) == (0, 0)
    async with asyncio.timeout(30):  # the seat is measured from its first instant, before Python has filled its memory
        while ((await backend.usage(handle)).memory_bytes or 0) < 4 * MIB:  # noqa: ASYNC110 - what the kernel counts is no event
            await asyncio.sleep(0.02)
    await backend.stop(handle, grace_s=0)
    assert (await backend.usage(handle)).memory_bytes is None


async def test_limits_that_are_required_and_missing_refuse(tmp_path: Path) -> None:
    backend = make_backend(tmp_path, cgroup="none", limits_required=True)
    assert not (await backend.probe()).ok
    with pytest.raises(Unsupported, match="not fully limited"):
        await backend.ensure(seat_spec(tmp_path, "mute"))
    assert not (tmp_path / "sessions" / ID).exists()


def with_network(seat: SeatSpec, network: Internet | Lan) -> SeatSpec:
    game = seat.session.game.model_copy(update={"network": network})
    return seat.model_copy(update={"session": seat.session.model_copy(update={"game": game})})


def test_walls_of_a_sandbox_are_around_this_machine_and_its_networks(tmp_path: Path) -> None:
    host = HostNetwork(("198.18.0.1", "93.184.216.34"), ("93.184.216.0/24",), (), ("192.168.7.1",))
    can, can_not = Finding("internet", True, "yes"), Finding("internet", False, "no slirp4netns", "install it")
    seat = with_network(seat_spec(tmp_path, "mute"), Internet())
    walls = walled(seat, can, host).walls
    assert walls is not None and "93.184.216.0/24" in walls and "ip daddr 10.0.2.3" in walls
    assert "192.168.7.1" not in walls, "the machine's name servers are asked by the carrier"
    assert walled(seat_spec(tmp_path, "mute"), can, host).walls is None
    with pytest.raises(Unsupported, match="no slirp4netns: install it"):
        walled(seat, can_not, host)
    with pytest.raises(Unsupported, match="lan"):
        walled(with_network(seat, Lan(name="friday")), can, host)


async def test_a_game_with_a_network_is_refused_where_a_sandbox_can_not_give_it(
    backend: ProcessBackend, tmp_path: Path
) -> None:
    seat = with_network(seat_spec(tmp_path, "mute"), Internet())
    with pytest.raises(Unsupported, match="internet") as refused:
        await backend.ensure(seat)
    assert refused.value.hint is not None and "docker" in refused.value.hint
    assert not (tmp_path / "run" / ID).exists()


def birth(folder: Path) -> subprocess.Popen[bytes]:
    command = birth_command(folder, command=["sleep", "60"], cgroup_procs=[], data_limit_bytes=None)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def test_of_many_births_in_one_folder_one_succeeds(tmp_path: Path) -> None:
    """Whatever crashed runners have under way, one seat is born per session."""
    children = [birth(tmp_path) for _ in range(12)]
    try:
        said = [child.stdout.read() for child in children if child.stdout]
        assert sorted(said) == [b""] * 11 + [BORN]
        born = said.index(BORN)
        identity = read_identity(tmp_path)
        assert identity is not None
        assert identity.pid == children[born].pid
        assert is_alive(identity)
        codes = [child.wait(60) for index, child in enumerate(children) if index != born]
        assert codes == [TAKEN_EXIT_CODE] * 11
        assert [entry.name for entry in tmp_path.iterdir()] == ["identity.json"]
    finally:
        for child in children:
            child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()


def test_a_pid_of_another_time_is_somebody_else() -> None:
    """Same pid with another start time or boot, or a zombie: not that process."""
    child = subprocess.Popen(["sleep", "60"])
    try:
        ticks = int(Path(f"/proc/{child.pid}/stat").read_text().rsplit(") ", 1)[1].split()[19])
        itself = Identity(pid=child.pid, start_ticks=ticks, boot_id=boot_id())
        assert is_alive(itself)
        descriptor = open_pidfd(itself)
        assert descriptor is not None
        os.close(descriptor)
        for other in (
            itself.model_copy(update={"start_ticks": ticks - 1}),
            itself.model_copy(update={"boot_id": "another"}),
        ):
            assert not is_alive(other)
            assert open_pidfd(other) is None
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(itself), "a zombie does not run"
    finally:
        child.kill()
        child.wait()


def run_in_cell(tree: CgroupTree, script: str) -> subprocess.CompletedProcess[str]:
    joins = "".join(f"echo 0 > {path}; " for path in tree.procs_files(ID, "cell"))
    return subprocess.run(["/bin/sh", "-c", joins + script], capture_output=True, text=True, timeout=60, check=False)


def test_memory_over_the_limit_is_killed_and_counted(tree: CgroupTree) -> None:
    """The kernel ends what eats more than its cell may, and the machine lives."""
    tree.create(ID, seat=SEAT_LIMITS, cell=Limits(64 * MIB, 1.0, 32))
    fine = run_in_cell(tree, f"exec {sys.executable} -c 'x = bytes(16 << 20); print(len(x))'")
    assert fine.stdout.strip() == str(16 * MIB)
    assert tree.oom_kills(ID, "cell") == 0
    hungry = run_in_cell(tree, f"exec {sys.executable} -c 'x = bytearray(b\"x\" * (256 << 20))'")
    assert hungry.returncode == -signal.SIGKILL
    assert tree.oom_kills(ID, "cell") == 1
    assert tree.oom_kills(ID, "seat") == 0


def test_a_fork_bomb_stops_at_its_pids(tree: CgroupTree) -> None:
    tree.create(ID, seat=SEAT_LIMITS, cell=Limits(64 * MIB, 1.0, 16))
    bomb = run_in_cell(tree, "for i in $(seq 64); do sleep 60 > /dev/null 2>&1 & done")
    assert "fork" in bomb.stderr.lower()
    assert 2 <= len(tree.pids(ID)) <= 16
    assert tree.kill(ID) == set()
    assert tree.pids(ID) == set()


def test_processor_time_is_bounded_and_measured(tree: CgroupTree) -> None:
    """Half a core for a loop of 0.5 s of work takes a second or more."""
    tree.create(ID, seat=SEAT_LIMITS, cell=Limits(64 * MIB, 0.25, 16))
    spin = "import time; t = time.perf_counter()\nwhile time.process_time() < 0.5: pass\nprint(time.perf_counter() - t)"
    spun = run_in_cell(tree, f"exec {sys.executable} -c '{spin}'")
    assert float(spun.stdout) > 1.0
    used = Counters(tree.dialect, tree.groups(ID)).read(datetime.now(UTC))
    assert used.cpu_s is not None
    assert used.cpu_s > 0.5
    assert used.memory_bytes is not None
    assert used.processes == 0


def test_creating_twice_and_removing_twice_is_harmless(tree: CgroupTree) -> None:
    for _ in range(2):
        cell = tree.create(ID, seat=SEAT_LIMITS, cell=Limits(64 * MIB, 1.0, 16))
    assert tree.sessions() == {ID}
    assert all(Path(directory, "cgroup.procs").exists() for directory in cell.directories.values())
    for _ in range(2):
        assert tree.remove(ID)
    assert tree.sessions() == set()
    assert Counters(tree.dialect, tree.groups(ID)).read(datetime.now(UTC)).memory_bytes is None


def test_both_versions_are_written_as_the_kernel_reads_them() -> None:
    """Version 2 can't be tried on every machine; its files are stated here."""
    limits = Limits(64 * MIB, 1.5, 32)
    assert [(write.file, write.text) for write in V2.writes(limits)] == [
        ("memory.max", "67108864"),
        ("memory.swap.max", "0"),
        ("cpu.max", "150000 100000"),
        ("pids.max", "32"),
    ]
    rate = disk_rate(Path("/proc/nowhere"), 5, block_devices=Path("/nowhere"))
    assert rate is None and disk_rate(Path("/"), 0) is None
    bounded = Limits(64 * MIB, 1.5, 32, disk_rate=DiskRate("8:0", "/dev/sda", 5 * MIB))
    assert [(write.file, write.text) for write in V2.writes(bounded) if write.controller == "io"] == [
        ("io.max", "8:0 rbps=5242880 wbps=5242880")
    ]
    assert [(write.file, write.text) for write in V1.writes(bounded) if write.controller == "blkio"] == [
        ("blkio.throttle.read_bps_device", "8:0 5242880"),
        ("blkio.throttle.write_bps_device", "8:0 5242880"),
    ]
    assert ("cpu.cfs_quota_us", "150000") in [(write.file, write.text) for write in V1.writes(limits)]
    assert V2.cpu_s("usage_usec 1500000\nuser_usec 1\n") == 1.5
    assert V1.cpu_s("1500000000\n") == 1.5
    mounts = list(
        parse_mounts(
            "tmpfs / tmpfs rw 0 0\n"
            "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
            "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
        )
    )
    assert [(str(mount.path), mount.version, sorted(mount.controllers)) for mount in mounts] == [
        ("/sys/fs/cgroup/unified", 2, []),
        ("/sys/fs/cgroup/cpu,cpuacct", 1, ["cpu", "cpuacct"]),
    ]
    assert own_path_v2("5:memory:/a\n0::/user.slice/run-1.scope\n") == "/user.slice/run-1.scope"


def test_a_part_of_a_disk_is_bounded_by_the_whole_of_it(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    disk = tmp_path / "devices/sd!a"
    (disk / "sda1").mkdir(parents=True)
    (disk / "dev").write_text("8:0\n")
    (disk / "sda1/dev").write_text("8:1\n")
    (disk / "sda1/partition").write_text("1\n")
    (tmp_path / "block").mkdir()
    (tmp_path / f"block/{os.major(device)}:{os.minor(device)}").symlink_to(disk / "sda1")
    found = disk_rate(tmp_path / "saves/not/yet", 7, block_devices=tmp_path / "block")
    assert found == DiskRate("8:0", "/dev/sd/a", 7)


def test_a_switched_off_or_missing_hierarchy_is_told() -> None:
    for found in (find_tree("none", instance="x"), find_tree("auto", instance="x", mounts_text="")):
        assert found.tree is None
        assert found.missing
        assert found.hint
