"""Seats that wait for a session: started ahead, given away once, replaced when nobody waits for a start.

Owned by the keeper, on the runner's loop. A waiting seat is no session: it has no record, no user and no limits of a
game, and a runner that starts finds it like any leftover and ends it. What a seat is and how it is given away is the
backend's business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import structlog

from dillinger_contracts import DillingerError, SeatSpec, Unavailable

from .backends.base import Backend, SeatHandle, Usage, Waiting, WarmSeats
from .store import SessionStore
from .wishes import new_session_id

_LOOK_S = 1.0
_FIRST_BACK_OFF_S, _LAST_BACK_OFF_S = 1.0, 60.0
_LASTING_S = 30.0
"""A seat that waited for so long shows that seats can: what fails later fails for the first time."""
_LOADING_S = 60.0

log = structlog.get_logger()


@dataclass(slots=True)
class WaitingSeat:
    """One seat of the pool."""

    seat_id: str
    started_at: datetime
    started_s: float
    """Monotonic."""
    is_warm: bool = False
    """Whether it has loaded all that it can."""

    @property
    def state(self) -> Literal["starting", "warm"]:
        """For people."""
        return "warm" if self.is_warm else "starting"


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """Since the runner's start."""

    given: int = 0
    """Seats that became a session's."""
    lost: int = 0
    """Seats that ended while they waited, or could not be started."""


class SeatPool:
    """Keeps `size` seats waiting. Nothing is awaited between finding a seat and taking it out, so two sessions at once
    never get the same."""

    def __init__(self, size: int, backend: Backend, store: SessionStore, *, is_quiet: Callable[[], bool]) -> None:
        """`is_quiet` tells whether there is room and nobody waits for a start."""
        self.size = size
        self.problem = ""
        """Why fewer wait than shall."""
        self.counts = PoolCounts()
        self._backend = backend
        self._store = store
        self._is_quiet = is_quiet
        self._seats: list[WaitingSeat] = []
        self._failures = 0
        self._not_before_s = 0.0
        self._wake = asyncio.Event()

    @property
    def seats(self) -> tuple[WaitingSeat, ...]:
        """Those that wait or start, oldest first."""
        return tuple(self._seats)

    async def run(self) -> None:
        """Fills the pool and keeps it full, until it is cancelled; then ends what waits."""
        warm_seats = self._backend.warm_seats
        if self.size and warm_seats is None:
            self.problem = f"This {self._backend.kind} backend starts each seat for its session: none can wait"
            log.warning("pool_refused", reason=self.problem)
        try:
            while self.size and warm_seats is not None:
                await self._look(warm_seats)
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()
        finally:
            await self._close()

    def wake(self, seat_id: str) -> None:
        """Something may have happened to this seat."""
        if any(seat.seat_id == seat_id for seat in self._seats):
            self._wake.set()

    async def seat_for(self, spec: SeatSpec) -> SeatHandle | None:
        """A waiting seat that is this session's from now on; None where there is none, and one has to be started."""
        warm_seats = self._backend.warm_seats
        seat = next((seat for seat in self._seats if seat.is_warm), None)
        if seat is None or warm_seats is None:
            return None
        self._seats.remove(seat)
        try:
            handle = await warm_seats.assign(seat.seat_id, spec)
        except DillingerError as error:
            log.warning("warm_seat_not_given", seat_id=seat.seat_id, reason=error.message)
            await self._lose(seat, error.message)
            return None
        self.counts = PoolCounts(self.counts.given + 1, self.counts.lost)
        self._failures = 0
        log.info("warm_seat_given", seat_id=seat.seat_id, session_id=spec.session.session_id)
        self._wake.set()
        return handle

    async def usage(self, seat: WaitingSeat) -> Usage:
        """What it costs."""
        return await self._backend.usage(SeatHandle(seat.seat_id))

    async def _look(self, warm_seats: WarmSeats) -> None:
        for seat in self.seats:
            with suppress(Unavailable):
                await self._look_at(seat, await warm_seats.waiting(seat.seat_id))
        if len(self._seats) < self.size and time.monotonic() >= self._not_before_s and self._is_quiet():
            await self._start(warm_seats)

    async def _look_at(self, seat: WaitingSeat, seen: Waiting) -> None:
        if seat not in self._seats:  # it was given away while it was looked at
            return
        age_s = time.monotonic() - seat.started_s
        if seen is Waiting.GONE or (seen is Waiting.STARTING and age_s > _LOADING_S):
            self._seats.remove(seat)
            await self._lose(seat, "A waiting seat ended", is_first=age_s > _LASTING_S)
        elif seen is Waiting.WARM and not seat.is_warm:
            seat.is_warm = True
            self.problem = ""
            log.info("seat_warm", seat_id=seat.seat_id, duration_s=round(age_s, 2))

    async def _start(self, warm_seats: WarmSeats) -> None:
        seat = WaitingSeat(new_session_id(), datetime.now(UTC), time.monotonic())
        self._seats.append(seat)  # before it is born: what is cancelled here is ended with the rest
        try:
            await warm_seats.warm(seat.seat_id)
        except DillingerError as error:
            self._seats.remove(seat)
            await self._lose(seat, error.message)

    async def _lose(self, seat: WaitingSeat, reason: str, *, is_first: bool = False) -> None:
        """Clears away what is left of it; the next one waits the longer, the more were lost in a row."""
        self._failures = 1 if is_first else self._failures + 1
        back_off_s = min(_LAST_BACK_OFF_S, _FIRST_BACK_OFF_S * 2 ** (self._failures - 1))
        self._not_before_s = time.monotonic() + back_off_s
        self.counts = PoolCounts(self.counts.given, self.counts.lost + 1)
        tail = await asyncio.to_thread(self._store.log_tail, seat.seat_id, lines=3)
        self.problem = f"{reason}: {' '.join(tail)}" if tail else reason
        log.warning("warm_seat_lost", seat_id=seat.seat_id, reason=self.problem, again_s=back_off_s)
        await self._end(seat)

    async def _end(self, seat: WaitingSeat) -> None:
        try:
            await self._backend.stop(SeatHandle(seat.seat_id), grace_s=0)
            await asyncio.to_thread(self._store.remove, seat.seat_id)
        except DillingerError as error:
            log.error("warm_seat_left", seat_id=seat.seat_id, error=error.message)

    async def _close(self) -> None:
        seats, self._seats = self._seats, []
        for seat in seats:
            await self._end(seat)
