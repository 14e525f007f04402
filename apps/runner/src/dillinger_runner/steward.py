"""The steward: sees a session through its life, by looking at what really runs and doing the next step.

What is decided is `reconcile`'s, what is done is the backend's, what must survive is on paper in the `store`; the
records are the keeper's, which runs `tend` as a task for each that lives. On the runner's loop. A wake-up that is lost
costs some seconds: every task looks again by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from dillinger_contracts import (
    Conflict,
    DillingerError,
    EndReason,
    NotFound,
    SessionEnd,
    SessionEvent,
    StartStep,
    Unsupported,
)
from dillinger_contracts.control import StopSeat

from .backends.base import Backend, Observation, SeatPhase
from .backends.identity import boot_id
from .metrics import RunnerMetrics
from .pool import SeatPool
from .reconcile import Deadlines, Decision, Facts, Step, decide, honest
from .records import Record
from .store import SessionStore, StopWish
from .templates import WineTemplates
from .tokens import new_token

_BACK_OFF_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Steward:
    """What the steps of a session are done with."""

    backend: Backend
    store: SessionStore
    pool: SeatPool
    templates: WineTemplates | None
    metrics: RunnerMetrics
    deadlines: Deadlines
    term_grace_s: float
    changed: Callable[[Record], None]
    """Told of what others are to hear of."""
    left: Callable[[], None]
    """Told when a session has left: there is room."""

    async def tend(self, record: Record) -> None:
        """Until it has ended."""
        while record.is_live:
            record.wake.clear()
            try:
                again_s = await self._step(record)
            except Exception as error:
                log.error("step_failed", session_id=record.session_id, error=str(error), exc_info=True)
                again_s = _BACK_OFF_S
            if again_s > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(again_s):
                        await record.wake.wait()

    async def stop(self, record: Record, reason: EndReason, message: str) -> None:
        """Has the session end, for this reason; idempotent, the first reason counts."""
        if not record.is_live or record.stop is not None:
            return
        record.stop, record.stop_message = reason, message
        await asyncio.to_thread(self._save_stop, record.session_id, reason)
        if record.step(SessionEvent.STOP):
            self.changed(record)
        log.info("session_stopping", session_id=record.session_id, reason=reason)

    async def _step(self, record: Record) -> float:
        seen = record.observed = await self.backend.observe(record.handle)
        if record.seen(is_known=seen.phase is not SeatPhase.UNKNOWN):
            self.changed(record)
        end = await asyncio.to_thread(self.store.end, record.session_id) or record.end
        if end is not None:
            end = honest(end, was_out_of_memory=seen.was_out_of_memory, stop=record.stop)
        decision = decide(_facts(record, seen, end), self.deadlines)
        match decision.step:
            case Step.PLACE:
                await self._place(record)
            case Step.STOP:
                assert decision.reason is not None
                await self.stop(record, decision.reason, decision.message)
            case Step.ASK:
                self._ask(record)
            case Step.FORCE:
                await self.backend.stop(record.handle, grace_s=self.term_grace_s)
            case Step.FINISH if (reason := end.reason if end else decision.reason) and record.starts_again(reason):
                await self._start_again(record, reason)
            case Step.FINISH:
                await self._finish(record, decision, end)
            case Step.REST:
                pass
        return decision.again_s

    async def _place(self, record: Record) -> None:
        if record.step(SessionEvent.PLACE):
            self.changed(record)
        if not await self._has_template(record):
            return
        started_s = time.monotonic()
        try:
            await asyncio.to_thread(self._save_placing, record)
            handle = await self.pool.seat_for(record.spec) or await self.backend.ensure(record.spec)
            placed = await asyncio.to_thread(self.store.spec, record.session_id)
            record.spec = placed or record.spec
        except DillingerError as error:
            refused = isinstance(error, Unsupported)
            reason = EndReason.REFUSED if refused else EndReason.PLACEMENT_FAILED
            hint = f". {error.hint}" if error.hint else ""
            await self._finish(record, Decision(Step.FINISH, reason, error.message + hint), None)
            return
        if record.step(SessionEvent.PLACED):
            self.changed(record)
        placed_ms = round((time.monotonic() - started_s) * 1000, 1)
        log.info("seat_placed", session_id=record.session_id, place=handle.place, duration_ms=placed_ms)

    async def _has_template(self, record: Record) -> bool:
        """Waits for what its prefix is made of, a step that its viewer is told about; False when it is to end."""
        if self.templates is None:
            return True
        began_s, share = time.monotonic(), None
        try:
            async for share in self.templates.wait(record.spec.session.game):
                record.note(_template_step(began_s, share))
                self.changed(record)
                if record.stop is not None:
                    return False
        except DillingerError as error:
            await self._finish(record, Decision(Step.FINISH, EndReason.PLACEMENT_FAILED, error.message), None)
            return False
        if share is not None:
            record.note(_template_step(began_s, None))
            self.changed(record)
        return record.stop is None

    def _ask(self, record: Record) -> None:
        assert record.link is not None and record.stop is not None
        if record.link.send(StopSeat(reason=record.stop, grace_s=self.deadlines.grace_s)):
            record.leaving_s = time.monotonic()
        else:
            record.link = None  # it has not read for long: no use to wait for an answer

    async def _start_again(self, record: Record, reason: EndReason) -> None:
        """A runner that is killed in here leaves a session that is placed anew, perhaps with its one try unspent."""
        log.warning("session_started_again", session_id=record.session_id, reason=reason)
        await self.backend.stop(record.handle, grace_s=0)
        if record.link is not None:
            record.link.close(Conflict("This session is started again"))
        await asyncio.to_thread(self.store.begin_again, record.session_id)
        record.begin_again(new_token())
        self.metrics.restarted()
        self.changed(record)

    async def _finish(self, record: Record, decision: Decision, end: SessionEnd | None) -> None:
        session_id = record.session_id
        if end is None:
            assert decision.reason is not None
            tail = await asyncio.to_thread(self.store.log_tail, session_id)
            message = decision.message or record.stop_message
            end = SessionEnd(reason=decision.reason, message=message, log_tail=tail, ended_at=datetime.now(UTC))
        elif not end.message and end.reason is record.stop:  # the seat was only told to end, not why
            end = end.model_copy(update={"message": record.stop_message})
        await asyncio.to_thread(self._save_end, session_id, end)
        await self.backend.stop(record.handle, grace_s=0)
        if record.link is not None:
            record.link.close(NotFound("This session has ended"))
            record.link = None
        record.end = end
        record.peers = 0
        record.step(SessionEvent.END)
        self.left()
        self.metrics.ended(end.reason)
        self.changed(record)
        log.info("session_ended", session_id=session_id, reason=end.reason, message=end.message)

    # In threads

    def _save_stop(self, session_id: str, reason: EndReason) -> None:
        with suppress(FileNotFoundError):  # not placed yet: there is nothing to survive a restart
            self.store.save_stop(session_id, StopWish(reason=reason, asked_at=datetime.now(UTC)))

    def _save_placing(self, record: Record) -> None:
        self.store.save_boot(record.session_id, boot_id())
        self.store.save_digests(record.session_id, record.digests)

    def _save_end(self, session_id: str, end: SessionEnd) -> None:
        self.store.open(session_id)
        self.store.save_end(session_id, end)


def _template_step(began_s: float, share: float | None) -> StartStep:
    duration_ms = round((time.monotonic() - began_s) * 1000, 1)
    return StartStep(name="template", duration_ms=duration_ms, share_done=share)


def _facts(record: Record, seen: Observation, end: SessionEnd | None) -> Facts:
    now_s = time.monotonic()
    return Facts(
        state=record.state,
        phase=seen.phase,
        in_state_s=now_s - record.entered_s,
        stop=record.stop,
        has_link=record.link is not None,
        leaving_s=None if record.leaving_s is None else now_s - record.leaving_s,
        was_out_of_memory=seen.was_out_of_memory,
        exit_code=seen.exit_code,
        has_end=end is not None,
        is_waiting=record.is_in_line,
        was_rebooted=record.was_rebooted,
    )
