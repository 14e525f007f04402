"""Which way a session in containers is measured by, and what is read on it."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dillinger_runner.backends import docker_usage
from dillinger_runner.backends.container_groups import GroupSearch, named_by_processes
from dillinger_runner.backends.shown_network import Attachment, cable, carried_bytes
from dillinger_runner.cgroups.dialect import V1, V2

SEAT, CELL = "5e" * 32, "ce" * 32
FILES = {
    "memory": {"memory.usage_in_bytes": "5000", "memory.stat": "total_inactive_file 1000\n"},
    "pids": {"pids.current": "3"},
    "cpuacct": {"cpuacct.usage": "2500000000"},
}
FILES_V2 = {
    "memory.current": "5000", "memory.stat": "inactive_file 1000\n", "pids.current": "3",
    "cpu.stat": "usage_usec 2500000\n",
}  # fmt: skip


def version_1(proc: Path, root: Path, *groups: str) -> None:
    """Hierarchies below `root`, with these groups in each."""
    for name, files in FILES.items():
        for group in groups:
            fill(root / name / group, files)
    lines = "".join(f"cgroup {root / name} cgroup ro,{name} 0 0\n" for name in FILES)
    with (proc / "mounts").open("a") as mounts:
        mounts.write(lines)


def version_2(proc: Path, root: Path, *groups: str) -> None:
    """As above, in one hierarchy."""
    for group in groups:
        fill(root / group, FILES_V2)
    with (proc / "mounts").open("a") as mounts:
        mounts.write(f"cgroup2 {root} cgroup2 ro 0 0\n")


def fill(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def test_usage_is_read_where_the_first_process_says(tmp_path: Path) -> None:
    """And only where that process is the container's: a runner in a container sees others under these numbers."""
    version_1(tmp_path, tmp_path / "cgroup", "docker/abc")
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cgroup").write_text("".join(f"1:{name}:/docker/abc\n" for name in FILES) + "0::/\n")
    counters = named_by_processes({"abc": 7}, proc=tmp_path)
    assert counters is not None and counters.dialect is V1
    used = counters.read(datetime.now(UTC))
    assert (used.cpu_s, used.memory_bytes, used.processes) == (2.5, 4000, 3)
    assert not counters.are_gone
    assert named_by_processes({"other": 7}, proc=tmp_path) is None
    assert named_by_processes({"abc": 8}, proc=tmp_path) is None
    assert named_by_processes({}, proc=tmp_path) is None


@pytest.mark.parametrize("layout", ["docker/{}", "system.slice/docker-{}.scope", "a/b{{}}/c/libpod-{}.scope"])
@pytest.mark.parametrize("make", [version_1, version_2])
def test_in_a_container_groups_are_found_by_the_containers_names(tmp_path: Path, make: object, layout: str) -> None:
    """In the machine's hierarchies, and not in the runner's own, which are mounted in its container too."""
    assert callable(make)
    make(tmp_path, tmp_path / "own", "dillinger")
    make(tmp_path, tmp_path / "machine", *(layout.format(one) for one in (SEAT, CELL)))
    search = GroupSearch(tmp_path)
    for _ in range(2):
        counters = search.find([SEAT, CELL])
        assert counters is not None and counters.dialect is (V1 if make is version_1 else V2)
        used = counters.read(datetime.now(UTC))
        assert (used.cpu_s, used.memory_bytes, used.processes) == (5.0, 8000, 6)
    assert search.find([SEAT, "other"]) is None and search.find([]) is None
    assert search.find([SEAT[:12]]) is None, "a part of a name is none"


def test_without_the_machines_groups_nothing_is_found(tmp_path: Path) -> None:
    assert GroupSearch(tmp_path).find([SEAT]) is None
    version_1(tmp_path, tmp_path / "own", "dillinger")
    assert GroupSearch(tmp_path).find([SEAT]) is None


def test_usage_as_an_engine_tells_it() -> None:
    v2 = {
        "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}},
        "memory_stats": {"usage": 900, "stats": {"inactive_file": 100}},
        "pids_stats": {"current": 4},
        "networks": {"eth0": {"rx_bytes": 5, "tx_bytes": 7}, "eth1": {"rx_bytes": 1, "tx_bytes": 1}},
    }
    found = docker_usage.total([v2, v2], datetime.now(UTC))
    assert (found.cpu_s, found.memory_bytes, found.processes) == (3.0, 1600, 8)
    assert docker_usage.total([], datetime.now(UTC)).memory_bytes is None
    assert docker_usage.carried_by_stats(v2) == 14 and docker_usage.carried_by_stats({}) is None
    assert docker_usage.is_of_running(v2) and not docker_usage.is_of_running({"pids_stats": {}})


def interface(root: Path, name: str, bridge: str, port: int, received: int, sent: int) -> None:
    """A cable's end, as Linux shows it."""
    fill(root / name / "brport", {"port_no": hex(port) + "\n"})
    fill(root / name / "statistics", {"rx_bytes": f"{received}\n", "tx_bytes": f"{sent}\n"})
    (root / bridge / "brif").mkdir(parents=True, exist_ok=True)
    (root / bridge / "brif" / name).symlink_to(f"../../{name}/brport")


def test_a_containers_end_of_a_cable_is_known_by_its_address(tmp_path: Path) -> None:
    bridge = "br-0123456789ab"
    attachment = Attachment("0123456789abcdef", "02:42:AC:11:00:02")
    assert cable(attachment, interfaces=tmp_path) is None, "nothing is shown"
    interface(tmp_path, "veth1", bridge, 1, 10, 20)
    assert cable(attachment, interfaces=tmp_path) == tmp_path / "veth1", "the only one"
    interface(tmp_path, "veth2", bridge, 0x102, 3, 4)
    assert cable(attachment, interfaces=tmp_path) is None, "the bridge has learned nothing yet"
    own = struct.pack("6sBBIBBH", bytes.fromhex("0242ac110002"), 1, 1, 0, 0, 0, 0)
    learned = struct.pack("6sBBIBBH", bytes.fromhex("0242ac110002"), 2, 0, 9, 1, 0, 0)
    (tmp_path / bridge / "brforward").write_bytes(own + learned + b"half an entry")
    found = cable(attachment, interfaces=tmp_path)
    assert found == tmp_path / "veth2" and carried_bytes(found) == 7
    assert cable(Attachment("0123456789abcdef", "02:42:ac:11:00:03"), interfaces=tmp_path) is None
    assert carried_bytes(tmp_path / "veth9") is None
