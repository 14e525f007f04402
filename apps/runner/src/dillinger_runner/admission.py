"""Whether one more session fits: pure, on figures that the keeper measures.

Limits are bounds, not reservations: games seldom use all they may, so the sum of limits may go over the machine's
memory by a factor, while what is really available must not fall under a reserve. CPU is shared by time, and refused
only where a setting says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from dillinger_contracts import Conflict, Exhausted, Game, HostScreen, Resources, RunnerCapacity, Unsupported
from dillinger_saves.measure import Room

LAUNCH_KINDS = frozenset({"native", "wine", "proton"})
DESKTOPS = frozenset({"x11", "wayland"})

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is, as the kernel counts it."""

    memory_bytes: int
    available_bytes: int
    cpu_cores: int = 1


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the settings allow."""

    max_sessions: int
    memory_reserve_bytes: int
    memory_overcommit: float
    seat_memory_bytes: int
    cpu_overcommit: float = 0.0
    user_max_sessions: int = 0
    user_memory_bytes: int = 0
    user_cpu_cores: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a session takes up, or would."""

    session_id: str
    user_id: str
    resources: Resources


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why there is no room."""

    message: str
    hint: str
    is_of_user: bool = False
    """Whether the user's own sessions are in the way, and not others'."""

    def error(self) -> Exhausted:
        """As what is raised."""
        return Exhausted(self.message, hint=self.hint)


def machine() -> Machine:
    """This machine, now."""
    memory = psutil.virtual_memory()
    return Machine(memory.total, memory.available, psutil.cpu_count() or 1)


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


def admit_screen(screen: HostScreen | None, backend: str, *, reaches_it: bool, taken_by: str | None) -> None:
    """Whether a session may be shown on this machine's display, which `taken_by` has; raises Unsupported, Conflict."""
    if screen is None:
        raise Unsupported(
            "This machine's display shows no games", hint="Name it in the settings of its runner: host_display"
        )
    if not reaches_it:
        raise Unsupported(
            f"Games of the {backend} backend can't be shown on this machine's display", hint='backend = "process" can'
        )
    if taken_by is not None:
        raise Conflict(f"{taken_by} is on this machine's display already", hint="End it first: there is one display")


def shortage(
    wanted: Claim, live: Sequence[Claim], here: Machine, capacity: Capacity, *, is_start: bool = True
) -> Shortage | None:
    """Why `wanted` does not fit beside `live`; None where it does. What runs already (no start) takes no more room than
    its limits say."""
    own = [claim for claim in live if claim.user_id == wanted.user_id]
    if is_start and (short := _sessions(len(live), len(own), capacity)):
        return short
    return _of_user([*own, wanted], capacity) or _of_machine([*live, wanted], here, capacity, is_start=is_start)


def _sessions(live: int, own: int, capacity: Capacity) -> Shortage | None:
    if live >= capacity.max_sessions:
        message = f"{live} sessions run, and no more than {capacity.max_sessions} may"
        return Shortage(message, "Stop one, or raise max_sessions")
    if capacity.user_max_sessions and own >= capacity.user_max_sessions:
        message = f"{own} of your sessions run, and no more than {capacity.user_max_sessions} of one user may"
        return Shortage(message, "Stop one, or raise user_max_sessions", is_of_user=True)
    return None


def _of_user(claims: Sequence[Claim], capacity: Capacity) -> Shortage | None:
    memory_bytes = sum(claim.resources.memory_bytes for claim in claims)
    if capacity.user_memory_bytes and memory_bytes > capacity.user_memory_bytes:
        message = (
            f"The memory limits of your sessions would add up to {_mib(memory_bytes)}, and one user may have "
            f"{_mib(capacity.user_memory_bytes)}"
        )
        return Shortage(message, "Stop a session, or raise user_memory_bytes", is_of_user=True)
    cores = sum(claim.resources.cpu_cores for claim in claims)
    if capacity.user_cpu_cores and cores > capacity.user_cpu_cores:
        message = (
            f"Your sessions would have {cores:g} processor cores, and one user may have {capacity.user_cpu_cores:g}"
        )
        return Shortage(message, "Stop a session, or raise user_cpu_cores", is_of_user=True)
    return None


def _of_machine(claims: Sequence[Claim], here: Machine, capacity: Capacity, *, is_start: bool) -> Shortage | None:
    bound_bytes = capacity.memory_overcommit * here.memory_bytes
    asked_bytes = sum(claim.resources.memory_bytes + capacity.seat_memory_bytes for claim in claims)
    if bound_bytes and asked_bytes > bound_bytes:
        message = (
            f"The memory limits of all sessions would add up to {_mib(asked_bytes)}, and this machine takes "
            f"{_mib(bound_bytes)}"
        )
        return Shortage(message, "Stop a session, lower the game's memory_bytes, or raise memory_overcommit")
    bound_cores = capacity.cpu_overcommit * here.cpu_cores
    cores = sum(claim.resources.cpu_cores for claim in claims)
    if bound_cores and cores > bound_cores:
        message = f"All sessions would have {cores:g} processor cores, and this machine takes {bound_cores:g}"
        return Shortage(message, "Stop a session, lower the game's cpu_cores, or raise cpu_overcommit")
    if is_start and capacity.memory_reserve_bytes and here.available_bytes < capacity.memory_reserve_bytes:
        message = (
            f"Only {_mib(here.available_bytes)} of memory are available, "
            f"{_mib(capacity.memory_reserve_bytes)} are kept in reserve"
        )
        return Shortage(message, "Stop something, or lower memory_reserve_bytes")
    return None


def never_fits(wanted: Claim, here: Machine, capacity: Capacity) -> Shortage | None:
    """Why `wanted` would not fit were nothing else there; waiting would be in vain."""
    return shortage(wanted, (), dataclasses.replace(here, available_bytes=here.memory_bytes), capacity)


def line_up(
    waiting: Sequence[Claim], live: Sequence[Claim], here: Machine, capacity: Capacity
) -> list[Shortage | None]:
    """For each of those who wait, oldest first: None where it may go in now, else what it waits for.

    Nobody overtakes on the machine's room, so that a large game's turn comes; who waits for its own user's room alone
    holds nobody up.
    """
    taken = list(live)
    blocked: Shortage | None = None
    found: list[Shortage | None] = []
    for claim in waiting:
        short = shortage(claim, taken, here, capacity)
        if short is None and blocked is None:
            taken.append(claim)
        elif short is None or not short.is_of_user:
            short = blocked = blocked or short
        found.append(short)
    return found


def room(live: Sequence[Claim], waiting: int, here: Machine, capacity: Capacity) -> RunnerCapacity:
    """What is left beside `live`, for who chooses between runners."""
    free = [here.available_bytes - capacity.memory_reserve_bytes]
    if capacity.memory_overcommit:
        taken_bytes = sum(claim.resources.memory_bytes + capacity.seat_memory_bytes for claim in live)
        free.append(int(capacity.memory_overcommit * here.memory_bytes) - taken_bytes)
    return RunnerCapacity(
        sessions=len(live) + waiting,
        waiting=waiting,
        max_sessions=capacity.max_sessions,
        free_memory_bytes=max(0, min(free)),
        memory_bytes=here.memory_bytes,
        cpu_cores=here.cpu_cores,
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
