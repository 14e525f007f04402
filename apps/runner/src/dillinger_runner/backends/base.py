"""What a backend is: it puts a seat and its cell somewhere, finds them again, and ends them.

A backend keeps the machine's side (processes, cgroups, sockets); the paper (specs, tokens, ends) is `store`'s, and
what to do when is `reconcile`'s and `keeper`'s. All calls run on the runner's loop; what blocks goes to a thread
inside.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dillinger_contracts import Resources, SeatSpec


@dataclass(frozen=True, slots=True)
class BackendCapabilities:
    """What seats of this backend can have."""

    gpu: bool = False
    limits: bool = False
    isolation: bool = False
    kvm: bool = False
    uinput: bool = False
    lan: bool = False
    screen: bool = False
    """Whether a seat reaches the machine's own display."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, for `doctor`."""

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    is_needed: bool = True
    """Whether every game misses it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether the backend is usable here; if not, the findings that are not ok say why and what to do."""

    ok: bool
    findings: tuple[Finding, ...] = ()

    @property
    def problem(self) -> Finding | None:
        """The first finding that is not ok."""
        return next((finding for finding in self.findings if not finding.ok), None)


@dataclass(frozen=True, slots=True)
class SeatHandle:
    """A seat of ours, or what is left of one."""

    session_id: str
    place: str = ""
    """Where it is, in the backend's words: `pid 1234`."""


class SeatPhase(StrEnum):
    """What is seen of a seat from outside."""

    STARTING = "starting"
    RUNNING = "running"
    EXITED = "exited"
    """It ran and is over; leftovers may be there."""
    ABSENT = "absent"
    """It never ran here, or nothing of it is left."""
    UNKNOWN = "unknown"
    """What would know does not answer: nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a seat."""

    phase: SeatPhase
    exit_code: int | None = None
    """Negative for a signal; None where it can't be known (a seat that this runner did not start)."""
    was_out_of_memory: bool = False
    """Whether the kernel killed something of it for want of memory."""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a session uses, counted by the kernel or the engine; None is unknown."""

    measured_at: datetime
    cpu_s: float | None = None
    memory_bytes: int | None = None
    processes: int | None = None
    """With their threads, where cgroups count them."""
    gpu: float | None = None
    """Share of a graphics card, 0 to 1; above 1 with several cards."""
    gpu_memory_bytes: int | None = None
    network_bytes: int | None = None
    """What the game's own network has carried, in and out, since the cell began; 0 where it has none."""


class Waiting(StrEnum):
    """How a seat that was started ahead stands."""

    STARTING = "starting"
    WARM = "warm"
    """It has loaded all that it can without a session."""
    GONE = "gone"
    """It has ended, or is of no use any more."""


class WarmSeats(Protocol):
    """Seats that start before there is a session for them. Each has an id of its own, of a session's form, by which
    `stop`, `owned` and `usage` know it until it is given away."""

    async def warm(self, seat_id: str) -> SeatHandle:
        """Starts a seat that waits. Raises as `Backend.ensure` does."""
        ...

    async def waiting(self, seat_id: str) -> Waiting:
        """How it stands; raises Unavailable where nobody can tell."""
        ...

    async def assign(self, seat_id: str, seat: SeatSpec) -> SeatHandle:
        """Makes the waiting seat that of this session, with the session's limits. Raises Unavailable when it is gone;
        then the session has no seat, and what is left of the waiting one is still known by its id."""
        ...


class Backend(Protocol):
    """One instance per backend."""

    kind: str

    @property
    def capabilities(self) -> BackendCapabilities:
        """Frozen data, true from the first probe on."""
        ...

    @property
    def warm_seats(self) -> WarmSeats | None:
        """None where a seat can't start before its session is known."""
        ...

    async def probe(self) -> Probe:
        """Whether it is usable here; if not, why, and what to do about it."""
        ...

    async def ensure(self, seat: SeatSpec) -> SeatHandle:
        """Has the seat running; idempotent per session id.

        A seat that ran and ended is not started again. Raises Unsupported where the backend refuses, Unavailable
        where the machine failed; after either nothing runs.
        """
        ...

    async def observe(self, handle: SeatHandle) -> Observation:
        """What is seen of the seat now; never raises for one that is gone."""
        ...

    async def stop(self, handle: SeatHandle, *, grace_s: float) -> None:
        """Ends the seat (politely, then by force after `grace_s`) and removes all that is left of it; idempotent."""
        ...

    def owned(self) -> AsyncIterator[SeatHandle]:
        """Everything of ours that takes up room, also what we forgot; raises Unavailable where nobody can tell."""
        ...

    def changes(self) -> AsyncIterator[SeatHandle]:
        """Wake-ups: look at this seat again. Losing one is harmless."""
        ...

    async def usage(self, handle: SeatHandle) -> Usage:
        """What the session uses; all None for one that is gone."""
        ...

    async def limit(self, handle: SeatHandle, resources: Resources) -> None:
        """Has the cell's memory, swap, processors, processes and share of the disk bounded by `resources` from now on.

        Raises Unsupported where nothing is bounded, Conflict where more is in use, Unavailable where it failed.
        """
        ...

    async def close(self) -> None:
        """Lets go of what the backend holds; seats go on."""
        ...
