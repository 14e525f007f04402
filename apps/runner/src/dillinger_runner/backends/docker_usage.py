"""What a session's containers use, read from their cgroup files; or summed up from what an engine measured.

Reading files costs microseconds where asking an engine costs milliseconds, and needs no right but to see them. Files
are found by a process's own word (`/proc/PID/cgroup`), so that it does not matter how an engine names its groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dillinger_runner.cgroups.dialect import V1, V2
from dillinger_runner.cgroups.find import parse_mounts

from .base import Usage
from .counters import Counters


def find(containers: Mapping[str, int], *, proc: Path = Path("/proc")) -> Counters | None:
    """The cgroups of these containers, by id and first process; None where this process does not see them.

    A runner that is in a container itself sees other processes by those numbers, or none.
    """
    try:
        mounts = list(parse_mounts((proc / "mounts").read_text("utf-8")))
        texts = {name: (proc / str(pid) / "cgroup").read_text("utf-8") for name, pid in containers.items()}
    except OSError:
        return None
    if not texts or not all(name in text for name, text in texts.items()):
        return None
    for dialect in (V1, V2):
        roots: dict[str, Path] = {}
        for mount in mounts:
            if mount.version == dialect.version == 1:
                roots |= dict.fromkeys(mount.controllers, mount.path)
            elif mount.version == dialect.version:
                roots["unified"] = mount.path
        groups = tuple(_group(text, roots) for text in texts.values())
        memory = dialect.directory_of("memory")
        if all(memory in group and (group[memory] / dialect.memory_file).is_file() for group in groups):
            return Counters(dialect, groups)
    return None


def _group(text: str, roots: Mapping[str, Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(",") if names else ["unified"]:
            if name in roots:
                found[name] = roots[name] / path.lstrip("/")
    return found


def total(stats: Sequence[Mapping[str, Any]], measured_at: datetime) -> Usage:
    """The sum of what an engine measured (`GET /containers/ID/stats`); None where there is nothing."""
    if not stats:
        return Usage(measured_at)
    memory = [entry.get("memory_stats") or {} for entry in stats]
    cpu = [(entry.get("cpu_stats") or {}).get("cpu_usage") or {} for entry in stats]
    details = [entry.get("stats") or {} for entry in memory]
    inactive = [entry.get("total_inactive_file", entry.get("inactive_file", 0)) for entry in details]
    return Usage(
        measured_at,
        cpu_s=sum(entry.get("total_usage", 0) for entry in cpu) / 1e9,
        memory_bytes=sum(max(0, entry.get("usage", 0) - less) for entry, less in zip(memory, inactive, strict=True)),
        processes=sum((entry.get("pids_stats") or {}).get("current", 0) for entry in stats),
    )
