"""Where containers are counted: their cgroups, found among the hierarchies that this process sees.

Reading them costs microseconds where asking an engine costs milliseconds, and needs no right but to see them. On the
machine itself a container's first process names its groups (`/proc/PID/cgroup`), so that it does not matter how the
engine does. A runner in a container sees no other process, and looks for a group that is named after the container in
the machine's hierarchies, where they are mounted into it.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dillinger_runner.cgroups.dialect import V1, V2, Dialect
from dillinger_runner.cgroups.find import parse_mounts

from .counters import Counters

_MAX_DEPTH = 8
_MAX_GROUPS = 20_000
"""Looked at for one container; a machine with more is asked otherwise."""


@dataclass(frozen=True, slots=True)
class _Hierarchies:
    """What is mounted in one place: controller → directory (version 1), or `{"unified": directory}`."""

    dialect: Dialect
    roots: dict[str, Path]

    @property
    def memory_root(self) -> Path | None:
        return self.roots.get(self.dialect.directory_of("memory"))

    def counters(self, groups: Sequence[dict[str, Path]]) -> Counters | None:
        """None where the kernel counts no memory here: then this is not the hierarchy that does."""
        memory = self.dialect.directory_of("memory")
        if all(memory in group and (group[memory] / self.dialect.memory_file).is_file() for group in groups):
            return Counters(self.dialect, tuple(groups))
        return None


def _mounted(proc: Path) -> Iterator[_Hierarchies]:
    beside: defaultdict[Path, dict[str, Path]] = defaultdict(dict)
    unified: list[Path] = []
    for mount in parse_mounts((proc / "mounts").read_text("utf-8")):
        if mount.version == V1.version:
            beside[mount.path.parent] |= dict.fromkeys(mount.controllers, mount.path)
        else:
            unified.append(mount.path)
    for roots in beside.values():
        yield _Hierarchies(V1, roots)
    for path in unified:
        yield _Hierarchies(V2, {"unified": path})


def named_by_processes(containers: Mapping[str, int], *, proc: Path = Path("/proc")) -> Counters | None:
    """The cgroups of these containers, by id and first process; None where this process does not see them.

    A runner that is in a container itself sees other processes by those numbers, or none.
    """
    try:
        places = list(_mounted(proc))
        texts = {name: (proc / str(pid) / "cgroup").read_text("utf-8") for name, pid in containers.items()}
    except OSError:
        return None
    if not texts or not all(name in text for name, text in texts.items()):
        return None
    found = (place.counters([_group(text, place.roots) for text in texts.values()]) for place in places)
    return next((counters for counters in found if counters is not None), None)


def _group(text: str, roots: Mapping[str, Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(",") if names else ["unified"]:
            if name in roots:
                found[name] = roots[name] / path.lstrip("/")
    return found


@dataclass(slots=True)
class GroupSearch:
    """Finds containers' groups by their names, and remembers where engines put them."""

    proc: Path = Path("/proc")
    _layouts: list[str] = field(default_factory=lambda: ["docker/{}", "system.slice/docker-{}.scope"])
    """Docker's own two, by its cgroup driver; others are learned."""

    def find(self, container_ids: Sequence[str]) -> Counters | None:
        """The cgroups of these containers; None where no hierarchy that is mounted here shows them all."""
        try:
            places = list(_mounted(self.proc))
        except OSError:
            return None
        for place in places if container_ids else ():
            paths = [self._path(place.memory_root, one) for one in container_ids]
            groups = [{name: root / path for name, root in place.roots.items()} for path in paths if path is not None]
            if len(groups) == len(container_ids) and (counters := place.counters(groups)) is not None:
                return counters
        return None

    def _path(self, root: Path | None, container_id: str) -> Path | None:
        """Below `root`."""
        if root is None:
            return None
        for layout in self._layouts:
            path = Path(layout.format(container_id))
            if (root / path).is_dir():
                return path
        found = next(_below(root, re.compile(rf"(?:[a-z-]+-)?{re.escape(container_id)}(?:\.scope)?")), None)
        if found is not None:
            self._layouts.append(str(found).replace("{", "{{").replace("}", "}}").replace(container_id, "{}"))
        return found


def _below(root: Path, name: re.Pattern[str]) -> Iterator[Path]:
    """Directories of this name, nearest first."""
    level, seen = [Path()], 0
    for _ in range(_MAX_DEPTH):
        deeper: list[Path] = []
        for folder in level:
            for entry in _folders(root / folder):
                seen += 1
                if seen > _MAX_GROUPS:
                    return
                if name.fullmatch(entry):
                    yield folder / entry
                deeper.append(folder / entry)
        level = deeper


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # it went away meanwhile, or is not ours to see
        return []
