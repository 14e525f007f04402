"""`GET /pool`: the seats that wait for a session, and what they cost."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter

from dillinger_contracts.model import WireModel
from dillinger_runner.keeper import Keeper
from dillinger_runner.pool import WaitingSeat

from .access import KeyRequired
from .sessions import KeeperHere

router = APIRouter(dependencies=[KeyRequired], tags=["pool"])


class WarmSeat(WireModel):
    """One seat that waits; figures as the kernel counts them, null where they are not known."""

    seat_id: str
    state: Literal["starting", "warm"]
    started_at: datetime
    cpu_s: float | None
    memory_bytes: int | None


class Pool(WireModel):
    """Answer of `GET /pool`."""

    size: int
    """How many shall wait."""
    seats: tuple[WarmSeat, ...]
    given: int
    """How many became a session's since the runner's start."""
    lost: int
    """How many ended while they waited, or could not be started."""
    problem: str
    """Why fewer wait than shall; empty where there is nothing to say."""


@router.get("/pool")
async def read_pool(keeper: KeeperHere) -> Pool:
    """The seats that wait. They are nobody's session and count as none."""
    pool = keeper.pool
    seats = [await _seat(keeper, seat) for seat in pool.seats]
    counts = pool.counts
    return Pool(size=pool.size, seats=tuple(seats), given=counts.given, lost=counts.lost, problem=pool.problem)


async def _seat(keeper: Keeper, seat: WaitingSeat) -> WarmSeat:
    usage = await keeper.pool.usage(seat)
    return WarmSeat(
        seat_id=seat.seat_id,
        state=seat.state,
        started_at=seat.started_at,
        cpu_s=usage.cpu_s,
        memory_bytes=usage.memory_bytes,
    )
