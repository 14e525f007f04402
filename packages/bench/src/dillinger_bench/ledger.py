"""What a house holds of the machine: processes, descriptors, sockets, cgroups, files, mounts, displays."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from .house import House, Part

_SPARE_FDS = 3
"""Connections that are kept alive for a while; far fewer than one a session in a run of eight."""
_CGROUPS = Path("/sys/fs/cgroup")
_DISPLAYS = {"Xvfb", "Xwayland"}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts at one moment."""

    core_fds: int
    runner_fds: int
    processes: int
    """Whose command line names the house's folders, and all that descend from them."""
    unix_sockets: int
    """Bound below the house's runtime folder."""
    runtime_files: int
    temp_files: int
    """In the house's own folder for them, at its top."""
    mounts: int
    """Of the machine, that name the house's folders."""
    cgroups: int
    """Directories named after sessions."""
    displays: int
    """X servers among the processes; their sockets are below the runtime folder. Others on the machine have theirs."""

    def more_than(self, before: Ledger) -> dict[str, tuple[int, int]]:
        """What grew: name → (before, now). Connections come and go, so a few descriptors more are no growth."""
        now, then = asdict(self), asdict(before)
        spare = {name: _SPARE_FDS if name.endswith("_fds") else 0 for name in now}
        return {name: (then[name], count) for name, count in now.items() if count > then[name] + spare[name]}


def family(pids: Collection[int]) -> set[psutil.Process]:
    """These processes and all that descend from them, as far as they live."""
    found: set[psutil.Process] = set()
    for pid in pids:
        try:
            process = psutil.Process(pid)
            found |= {process, *process.children(recursive=True)}
        except psutil.NoSuchProcess:
            continue
    return found


def living(processes: Collection[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; zombies don't."""
    left = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
        except psutil.NoSuchProcess:
            continue
    return left


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def _of_house(house: House) -> set[psutil.Process]:
    named = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(house.root) in word for word in process.info["cmdline"] or [])
    ]
    return family([*named, *(process.pid for process in house.processes.values())])


def _fds(house: House, part: Part) -> int:
    process = house.processes.get(part)
    return sum(1 for _ in Path(f"/proc/{process.pid}/fd").iterdir()) if process else 0


def _cgroups_named(names: Collection[str]) -> int:
    wanted = set(names)
    return sum(len(wanted.intersection(folders)) for _, folders, _ in os.walk(_CGROUPS))


def _mounts(house: House) -> int:
    lines = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    return sum(str(house.root) in line for line in lines)


def take(house: House, session_ids: Collection[str] = ()) -> Ledger:
    """The counts now; cgroups are looked for by the ids of sessions that were."""
    sockets = Path("/proc/net/unix").read_text("ascii", "replace").splitlines()
    processes = living(_of_house(house))
    return Ledger(
        core_fds=_fds(house, "core"),
        runner_fds=_fds(house, "runner"),
        processes=len(processes),
        unix_sockets=sum(str(house.runtime_dir) in line for line in sockets),
        runtime_files=sum(len(folders) + len(files) for _, folders, files in os.walk(house.runtime_dir)),
        temp_files=sum(1 for _ in house.temp_dir.iterdir()),
        mounts=_mounts(house),
        cgroups=_cgroups_named(session_ids),
        displays=sum(_name(process) in _DISPLAYS for process in processes),
    )
