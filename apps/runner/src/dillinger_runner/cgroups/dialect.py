"""What the two versions of cgroups call the same things. Pure: it names files and reads their text.

Sources: the kernel's Documentation/admin-guide/cgroup-v1/{memory,pids,cpuacct}.rst, scheduler/sched-bwc.rst and
admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dillinger_contracts import Resources

from .disks import DiskRate

_PERIOD_US = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of one group of processes."""

    memory_bytes: int
    cpu_cores: float
    pids: int
    swap_bytes: int = 0
    disk_weight: int | None = None
    """10 to 1000; None leaves it to the kernel."""
    disk_rate: DiskRate | None = None

    @classmethod
    def of(cls, resources: Resources, disk_rate: DiskRate | None = None) -> Limits:
        """Those of a cell."""
        return cls(
            resources.memory_bytes,
            resources.cpu_cores,
            resources.pids,
            resources.swap_bytes,
            resources.disk_weight,
            disk_rate,
        )


@dataclass(frozen=True, slots=True)
class Write:
    """One file to write."""

    controller: str
    file: str
    text: str
    is_optional: bool = False
    """For what some kernels lack (swap accounting)."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """File names of one version, by what they tell."""

    version: Literal[1, 2]
    controllers: tuple[str, ...]
    """Those that limits and figures need."""
    required: frozenset[str]
    """Those without which a limit is not enforced."""
    disk_controller: str
    """Nice to have: few kernels share disks by weight, and few users get it."""
    cpu_controller: str
    cpu_file: str
    memory_file: str
    oom_file: str
    inactive_key: str

    def directory_of(self, controller: str) -> str:
        """The key under which a tree keeps this controller's directory."""
        return controller if self.version == 1 else "unified"

    def writes(self, limits: Limits) -> list[Write]:
        """What sets `limits`, in order."""
        quota_us = max(1000, round(limits.cpu_cores * _PERIOD_US))
        if self.version == 2:
            return [
                Write("memory", "memory.max", str(limits.memory_bytes)),
                Write("memory", "memory.swap.max", str(limits.swap_bytes), is_optional=True),
                Write("cpu", "cpu.max", f"{quota_us} {_PERIOD_US}"),
                Write("pids", "pids.max", str(limits.pids)),
                *self._disk(limits.disk_weight),
                *self._rate(limits.disk_rate),
            ]
        both_bytes = limits.memory_bytes + limits.swap_bytes
        return [
            Write("memory", "memory.limit_in_bytes", str(limits.memory_bytes)),
            Write("memory", "memory.memsw.limit_in_bytes", str(both_bytes), is_optional=True),
            Write("cpu", "cpu.cfs_period_us", str(_PERIOD_US)),
            Write("cpu", "cpu.cfs_quota_us", str(quota_us)),
            Write("pids", "pids.max", str(limits.pids)),
            *self._disk(limits.disk_weight),
            *self._rate(limits.disk_rate),
        ]

    def _disk(self, weight: int | None) -> list[Write]:
        """Version 2 counts to 10 000, as crun and runc convert it (cgroup v2, io.weight)."""
        if weight is None:
            return []
        if self.version == 2:
            return [Write("io", "io.weight", str(1 + (weight - 10) * 9999 // 990), is_optional=True)]
        files = ("blkio.weight", "blkio.bfq.weight")
        return [Write("blkio", file, str(weight), is_optional=True) for file in files]

    def _rate(self, rate: DiskRate | None) -> list[Write]:
        """Version 1 slows no writes that go through memory first: the kernel does those later, and for nobody."""
        if rate is None:
            return []
        if self.version == 2:
            text = f"{rate.number} rbps={rate.bytes_per_s} wbps={rate.bytes_per_s}"
            return [Write("io", "io.max", text, is_optional=True)]
        files = ("blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device")
        return [Write("blkio", file, f"{rate.number} {rate.bytes_per_s}", is_optional=True) for file in files]

    def cpu_s(self, text: str) -> float | None:
        """Processor time so far, from the text of `cpu_file`."""
        if self.version == 1:
            return int(text) / 1e9
        usage_us = keyed(text, "usage_usec")
        return None if usage_us is None else usage_us / 1e6


V1 = Dialect(
    version=1,
    controllers=("memory", "cpu", "pids", "cpuacct", "blkio"),
    required=frozenset({"memory", "cpu", "pids"}),
    cpu_controller="cpuacct",
    cpu_file="cpuacct.usage",
    memory_file="memory.usage_in_bytes",
    oom_file="memory.oom_control",
    disk_controller="blkio",
    inactive_key="total_inactive_file",
)
V2 = Dialect(
    version=2,
    controllers=("memory", "cpu", "pids", "io"),
    required=frozenset({"memory", "cpu", "pids"}),
    cpu_controller="cpu",
    cpu_file="cpu.stat",
    memory_file="memory.current",
    oom_file="memory.events",
    disk_controller="io",
    inactive_key="inactive_file",
)


def keyed(text: str, key: str) -> int | None:
    """The number after `key` in a flat-keyed file."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return None
