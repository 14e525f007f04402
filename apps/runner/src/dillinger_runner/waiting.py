"""The queue of sessions that wait for room: who may go in, who stands where, who has waited for too long.

What fits is `admission`'s to say; the keeper places who is let in. On the runner's loop; looks each second, since
memory comes free without anybody telling.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from dillinger_contracts import EndReason, QueuePlace, RunnerCapacity

from .admission import Capacity, Claim, Machine, Shortage, line_up, never_fits, room, shortage
from .records import Record
from .store import SessionStore

_LOOK_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QueueRules:
    """What the settings say."""

    is_open: bool = True
    """Whether what does not fit waits; else it is refused."""
    longest: int = 20
    timeout_s: float = 900.0


class WaitingRoom:
    """The waiting among the keeper's records, oldest first."""

    def __init__(
        self,
        rules: QueueRules,
        capacity: Capacity,
        store: SessionStore,
        records: Mapping[str, Record],
        machine: Callable[[], Machine],
        changed: Callable[[Record], None],
    ) -> None:
        self._rules = rules
        self._capacity = capacity
        self._store = store
        self._records = records
        self._machine = machine
        self._changed = changed
        self._wake = asyncio.Event()

    def claims(self) -> list[Claim]:
        """What is taken by those who do not wait."""
        return [_claim(record) for record in self._records.values() if record.is_live and record.queue is None]

    def shortage(self, claim: Claim, *, would_wait: bool = True) -> Shortage | None:
        """What a newcomer has to wait for; None where there is room now. Raises Exhausted where it may not wait."""
        here, waiting = self._machine(), self._waiting()
        short = line_up([*map(_claim, waiting), claim], self.claims(), here, self._capacity)[-1]
        if short is None:
            return None
        lasting = never_fits(claim, here, self._capacity)
        if lasting is not None or not (would_wait and self._rules.is_open):
            raise (lasting or short).error()
        if len(waiting) >= self._rules.longest:
            full = Shortage(f"{short.message}, and {len(waiting)} sessions wait already", "Try again later")
            raise full.error()
        return short

    def join(self, record: Record, short: Shortage) -> None:
        """Puts a newcomer at the end of the queue (blocks shortly: it must be on file before it may be let in)."""
        length = len(self._waiting()) + 1
        record.queue = QueuePlace(place=length, length=length, reason=short.message)
        record.settled.set()
        self._store.save_waiting(record.spec, record.digests)
        self.wake()

    def shortage_of_change(self, claim: Claim) -> Shortage | None:
        """Why a session that runs can't have what `claim` says."""
        others = [other for other in self.claims() if other.session_id != claim.session_id]
        return shortage(claim, others, self._machine(), self._capacity, is_start=False)

    def capacity(self) -> RunnerCapacity:
        """How much room there is."""
        return room(self.claims(), len(self._waiting()), self._machine(), self._capacity)

    def wake(self) -> None:
        """Room may have come free."""
        self._wake.set()

    async def run(self, give_up: Callable[[str, EndReason, str], Awaitable[object]]) -> None:
        """Lets in who fits, until it is cancelled; `give_up` ends who has waited for too long."""
        while True:
            self._wake.clear()
            for record in self._look():
                message = f"There was no room in {self._rules.timeout_s:g} s"
                reason = f"{message}: {record.queue.reason}" if record.queue else message
                await give_up(record.session_id, EndReason.REFUSED, reason)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._wake.wait()

    def _look(self) -> list[Record]:
        """Lets in and counts through; returns those whose time is up."""
        waiting = self._waiting()
        if not waiting:
            return []
        shorts = line_up([_claim(record) for record in waiting], self.claims(), self._machine(), self._capacity)
        length = sum(short is not None for short in shorts)
        place = 0
        for record, short in zip(waiting, shorts, strict=True):
            place += short is not None
            self._move(record, None if short is None else QueuePlace(place=place, length=length, reason=short.message))
        now_s = time.monotonic()
        limit_s = self._rules.timeout_s
        return [record for record in self._waiting() if limit_s and now_s - record.entered_s > limit_s]

    def _move(self, record: Record, queue: QueuePlace | None) -> None:
        if queue == record.queue:
            return
        record.queue = queue
        if queue is None:
            self._store.end_waiting(record.session_id)
            log.info("session_let_in", session_id=record.session_id)
        self._changed(record)

    def _waiting(self) -> list[Record]:
        waiting = [record for record in self._records.values() if record.queue is not None and record.is_in_line]
        return sorted(waiting, key=lambda record: record.spec.session.created_at)


def _claim(record: Record) -> Claim:
    session = record.spec.session
    return Claim(session.session_id, session.user_id, session.resources)
