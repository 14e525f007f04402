"""Whether one more session fits: pure, on figures that the keeper measures.

Limits are bounds, not reservations: games seldom use all they may, so the sum of limits may go over the machine's
memory by a factor, while what is really available must not fall under a reserve. CPU is shared by time and never
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from dillinger_contracts import Exhausted, Game, Resources, Unsupported
from dillinger_saves.measure import Room

LAUNCH_KINDS = frozenset({"native", "wine", "proton"})
DESKTOPS = frozenset({"x11"})

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory as the kernel counts it."""

    memory_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the settings allow."""

    max_sessions: int
    memory_reserve_bytes: int
    memory_overcommit: float
    seat_memory_bytes: int


def machine() -> Machine:
    """This machine, now."""
    memory = psutil.virtual_memory()
    return Machine(memory.total, memory.available)


def admit_game(game: Game) -> None:
    """Raises Unsupported for what no seat of this release can start."""
    if game.launch.kind not in LAUNCH_KINDS:
        raise Unsupported(
            f"{game.title} starts as {game.launch.kind}, which this release can't do",
            hint=f"It can start: {', '.join(sorted(LAUNCH_KINDS))}",
        )
    if game.display.desktop not in DESKTOPS:
        raise Unsupported(
            f"{game.title} wants a {game.display.desktop} desktop, which this release does not have",
            hint=f"It has: {', '.join(sorted(DESKTOPS))}",
        )


def admit(wanted: Resources, live: Sequence[Resources], here: Machine, capacity: Capacity) -> None:
    """Raises Exhausted, with the reason, when `wanted` does not fit beside `live`."""
    if len(live) >= capacity.max_sessions:
        raise Exhausted(
            f"{len(live)} sessions run, and no more than {capacity.max_sessions} may",
            hint="Stop one, or raise max_sessions",
        )
    bound_bytes = capacity.memory_overcommit * here.memory_bytes
    asked_bytes = sum(resources.memory_bytes + capacity.seat_memory_bytes for resources in (*live, wanted))
    if bound_bytes and asked_bytes > bound_bytes:
        raise Exhausted(
            f"The memory limits of all sessions would add up to {_mib(asked_bytes)}, and this machine takes "
            f"{_mib(bound_bytes)}",
            hint="Stop a session, lower the game's memory_bytes, or raise memory_overcommit",
        )
    if capacity.memory_reserve_bytes and here.available_bytes < capacity.memory_reserve_bytes:
        raise Exhausted(
            f"Only {_mib(here.available_bytes)} of memory are available, "
            f"{_mib(capacity.memory_reserve_bytes)} are kept in reserve",
            hint="Stop something, or lower memory_reserve_bytes",
        )


def admit_disk(saves_dir: Path, reserve_bytes: int) -> None:
    """Raises Exhausted where the disk with the saves has no more than its reserve."""
    free_bytes = next(Room.of(folder).free_bytes for folder in (saves_dir, *saves_dir.parents) if folder.exists())
    if free_bytes < reserve_bytes:
        raise Exhausted(
            f"Only {_mib(free_bytes)} are free on the disk with the saves, {_mib(reserve_bytes)} are kept in reserve",
            hint="Make room on it, put the saves elsewhere (saves_dir), or lower disk_reserve_bytes",
        )


def _mib(size_bytes: float) -> str:
    return f"{size_bytes / _MIB:.0f} MiB"
