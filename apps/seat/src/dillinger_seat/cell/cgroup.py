"""The cell's control groups, v1 and v2: how its first process enters them, and whether memory ran out in them.

The runner makes and removes the directories and sets the limits; the seat only puts the cell in and reads.
"""

from __future__ import annotations

from pathlib import Path

from dillinger_contracts.session import CellCgroup

_ENTER = (
    'for group in "$@"; do if [ "$group" = -- ]; then shift; exec "$@"; fi; echo 0 > "$group/cgroup.procs"; shift; done'
)


def entering(cgroup: CellCgroup | None, argv: list[str]) -> list[str]:
    """`argv`, run from inside `cgroup`: a shell enters its directories and becomes the program.

    Nothing of the program runs outside its limits, not even for a moment.
    """
    if cgroup is None:
        return argv
    return ["/bin/sh", "-ec", _ENTER, "enter", *cgroup.directories.values(), "--", *argv]


def oom_kills(cgroup: CellCgroup | None) -> int:
    """How many processes the kernel has killed in `cgroup` for want of memory; 0 where it can't be known."""
    if cgroup is None:
        return 0
    if cgroup.version == 1:
        directory, name = cgroup.directories.get("memory"), "memory.oom_control"
    else:
        directory, name = cgroup.directories.get("unified"), "memory.events"
    if directory is None:
        return 0
    try:
        text = (Path(directory) / name).read_text("ascii")
    except OSError:
        return 0
    counts = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    return int(counts.get("oom_kill", 0))
