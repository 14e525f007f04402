"""What a session's cgroups have counted, whoever made them: read by their files, in microseconds and without a thread.

Twenty seats are asked each second, so each read is one open, one read and one close.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dillinger_runner.cgroups.dialect import Dialect, keyed

from .base import Usage

_MOST_BYTES = 16_384
"""The longest of these files, memory.stat, has some three thousand."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The cgroups of one session's halves: controller → directory (version 1), or `{"unified": directory}`."""

    dialect: Dialect
    groups: tuple[dict[str, Path], ...]

    @property
    def are_gone(self) -> bool:
        """Whether a half's groups are gone."""
        return not all(next(iter(group.values())).is_dir() for group in self.groups)

    def read(self, measured_at: datetime) -> Usage:
        """What they use together; None for what no file tells."""
        cpu_s: list[float] = []
        memory: list[int] = []
        processes: list[int] = []
        for group in self.groups:
            if (text := self._text(group, self.dialect.cpu_controller, self.dialect.cpu_file)) is not None:
                cpu_s.append(self.dialect.cpu_s(text) or 0.0)
            if (text := self._text(group, "memory", self.dialect.memory_file)) is not None:
                stat = self._text(group, "memory", "memory.stat") or ""
                memory.append(max(0, int(text) - (keyed(stat, self.dialect.inactive_key) or 0)))
            if (text := self._text(group, "pids", "pids.current")) is not None:
                processes.append(int(text))
        return Usage(
            measured_at,
            sum(cpu_s) if cpu_s else None,
            sum(memory) if memory else None,
            sum(processes) if processes else None,
        )

    def pids(self) -> set[int]:
        """The processes that are in them now."""
        return self._pids(self.groups)

    def cell_pids(self) -> set[int]:
        """Those that are not the seat's, whose groups are the first."""
        return self._pids(self.groups[1:])

    def _pids(self, groups: Sequence[Mapping[str, Path]]) -> set[int]:
        texts = [self._text(group, "pids", "cgroup.procs") or "" for group in groups]
        return {int(pid) for text in texts for pid in text.split()}

    def _text(self, group: Mapping[str, Path], controller: str, file: str) -> str | None:
        directory = group.get(self.dialect.directory_of(controller))
        if directory is None:
            return None
        try:
            descriptor = os.open(f"{directory}/{file}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return os.read(descriptor, _MOST_BYTES).decode("ascii")
        except OSError:
            return None
        finally:
            os.close(descriptor)
