"""The keeper: holds each session to what is wished for it, by looking at what really runs and doing the next step.

It owns the records, on the runner's loop, one task per live session; what is decided is `reconcile`'s, what is done
is the backend's, what must survive is on paper in the `store`. A wake-up that is lost costs some seconds: every task
looks again by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from dillinger_contracts import (
    Conflict,
    DillingerError,
    EndReason,
    GameLaunchRequest,
    NotFound,
    RunnerEvent,
    SeatSpec,
    SessionEnd,
    SessionEvent,
    StartStep,
    Unavailable,
    Unsupported,
)
from dillinger_contracts.control import StopSeat

from .admission import Capacity, Claim, Machine, admit_disk, admit_game, admit_screen
from .adoption import recall, sweep
from .backends.base import Backend, Observation, SeatHandle, SeatPhase
from .backends.identity import boot_id
from .events import EventFeed
from .library import Library
from .metering import Meter
from .metrics import RunnerMetrics
from .pool import SeatPool
from .reconcile import Deadlines, Decision, Facts, Step, decide, expired, honest
from .records import Record
from .store import SessionStore, StopWish
from .templates import WineTemplates
from .tokens import digest, new_token
from .vault import Vault
from .waiting import QueueRules, WaitingRoom
from .wishes import Places, resources_of, seat_spec

_SETTLE_S = 2.0
_BACK_OFF_S = 1.0
_WARM_SEAT_BYTES = 128 << 20

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KeeperConfig:
    """What the keeper is told."""

    places: Places
    capacity: Capacity
    queue: QueueRules
    deadlines: Deadlines
    term_grace_s: float
    history_sessions: int
    history_age_s: float
    pool_size: int = 0


class Keeper:
    """All sessions of this runner."""

    def __init__(
        self,
        config: KeeperConfig,
        *,
        backend: Backend,
        store: SessionStore,
        machine: Callable[[], Machine],
        templates: WineTemplates | None = None,
    ) -> None:
        """`templates` where cells have this machine's Wine."""
        self.config = config
        self.backend = backend
        self.store = store
        self.feed = EventFeed(self._snapshot)
        self.metrics = RunnerMetrics()
        self.meter = Meter(backend)
        self.vault = Vault(config.places, is_played=self.is_played)
        self._library = Library(config.places.library_dir)
        self._machine = machine
        self._templates = templates
        self.pool = SeatPool(config.pool_size, backend, store, is_quiet=self._is_quiet)
        self._records: dict[str, Record] = {}
        self.waiting = WaitingRoom(config.queue, config.capacity, store, self._records, machine, self.changed)
        self._tasks: asyncio.TaskGroup | None = None
        self._is_draining = False

    async def run(self, *, is_ready: asyncio.Event) -> None:
        """Adopts what is there, says so by `is_ready`, and keeps all sessions until it is cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._adopt()
                is_ready.set()
                self._tasks.create_task(self._look_round(), name="first probe")
                self._tasks.create_task(self._listen(), name="backend changes")
                self._tasks.create_task(self.pool.run(), name="pool")
                if self._templates is not None:
                    self._tasks.create_task(self._templates.keep_ahead(), name="wine template")
                self._tasks.create_task(self.waiting.run(self.stop), name="queue")
        finally:
            self._tasks = None
            self.feed.close()
            if self._templates is not None:
                await self._templates.close()

    async def create(self, request: GameLaunchRequest) -> tuple[Record, bool]:
        """The session of this wish, and whether it is new.

        The same `session_id` is placed once. Raises NotFound, Invalid, Unsupported, Exhausted, Conflict or Unavailable.
        """
        if (known := self._same(request)) is not None:
            return known, False
        game = await asyncio.to_thread(self._library.wished, request)
        admit_game(game)
        resources = resources_of(game, request)
        probe = await self.backend.probe()
        if not probe.ok and (problem := probe.problem) is not None:
            raise Unsupported(f"This machine can't hold a game safely: {problem.detail}", hint=problem.hint)
        # No await from here to the record's birth: of two requests at once the second sees the first.
        if (known := self._same(request)) is not None:
            return known, False
        if self._is_draining or self._tasks is None:
            raise Unavailable("This runner is shutting down", retry_after_s=5)
        if request.show == "host":
            self._admit_screen()
        self.vault.ensure_idle(request.user_id, request.game_id)
        claim, would_wait = Claim("", request.user_id, resources), request.when_full != "refuse"
        short = self.waiting.shortage(claim, would_wait=would_wait)
        admit_disk(self.config.places.saves_dir, self.config.places.disk_reserve_bytes)
        record = Record(seat_spec(request, game, resources, self.config.places, now=datetime.now(UTC)))
        record.digests = [digest(record.spec.control_token)]
        if short is not None:
            self.waiting.join(record, short)
        self._keep(record)
        log.info("session_created", session_id=record.session_id, game_id=game.game_id, user_id=request.user_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                await record.settled.wait()
        return record, True

    def _admit_screen(self) -> None:
        """Raises where no session can be shown on this machine's display, or one is."""
        shown = (one.spec.session for one in self._records.values() if one.is_live and one.spec.screen is not None)
        taken_by = next((f"{session.game.title}, played by {session.user_id}," for session in shown), None)
        reaches_it = self.backend.capabilities.screen
        admit_screen(self.config.places.screen, self.backend.kind, reaches_it=reaches_it, taken_by=taken_by)

    @property
    def shows_here(self) -> bool:
        """Whether a session could be shown on this machine's display, were it free."""
        return self.config.places.screen is not None and self.backend.capabilities.screen

    def is_played(self, user_id: str, game_id: str) -> bool:
        """Whether a session of this user and game lives."""
        live = (record.spec.session for record in self._records.values() if record.is_live)
        return any((session.user_id, session.game.game_id) == (user_id, game_id) for session in live)

    def get(self, session_id: str) -> Record:
        """The session; raises NotFound."""
        try:
            return self._records[session_id]
        except KeyError:
            raise NotFound(f"There is no session {session_id[:40]!r}") from None

    def all(self) -> list[Record]:
        """All sessions, newest first."""
        return sorted(self._records.values(), key=lambda record: record.spec.session.created_at, reverse=True)

    async def stop(self, session_id: str, reason: EndReason, message: str = "") -> Record:
        """Has the session end, for this reason; idempotent, the first reason counts."""
        record = self.get(session_id)
        if record.is_live and record.stop is None:
            record.stop, record.stop_message = reason, message
            await asyncio.to_thread(self._save_stop, session_id, reason)
            if record.step(SessionEvent.STOP):
                self.changed(record)
            log.info("session_stopping", session_id=session_id, reason=reason)
        return record

    async def stop_all(self, reason: EndReason, *, timeout_s: float) -> bool:
        """Has every session end and takes no new ones; False when some are left after `timeout_s`."""
        self._is_draining = True
        live = [record for record in self._records.values() if record.is_live]
        try:
            async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
                for record in live:
                    await self.stop(record.session_id, reason)
                    group.create_task(record.over.wait())
        except TimeoutError:
            log.warning("sessions_left", count=sum(record.is_live for record in live))
            return False
        return True

    def changed(self, record: Record) -> None:
        """Tells the feed and wakes the session's task."""
        self.feed.publish(record.event())
        record.wake.set()

    def _is_quiet(self) -> bool:
        """Whether the pool may start a seat: nobody waits for a start, and memory is left beside the reserve."""
        reserve_bytes = self.config.capacity.memory_reserve_bytes
        has_room = not reserve_bytes or self._machine().available_bytes > reserve_bytes + _WARM_SEAT_BYTES
        return not self._is_draining and has_room and all(record.is_settled for record in self._records.values())

    def _snapshot(self) -> Sequence[RunnerEvent]:
        return [record.event() for record in reversed(self.all())]

    def _same(self, request: GameLaunchRequest) -> Record | None:
        record = self._records.get(request.session_id or "")
        if record is None:
            return None
        session = record.spec.session
        if (session.game.game_id, session.user_id) != (request.game_id, request.user_id):
            raise Conflict(
                f"The session {session.session_id} is of another game or user",
                hint="Ask with a new session_id, or none",
            )
        return record

    def _keep(self, record: Record) -> None:
        assert self._tasks is not None
        self._records[record.session_id] = record
        self.feed.publish(record.event("session_created"))
        self._tasks.create_task(self._tend(record), name=f"session {record.session_id}")

    async def _look_round(self) -> None:
        """Probes at once, so that the first click on Play need not wait for it."""
        probe = await self.backend.probe()
        for finding in probe.findings:
            if not finding.ok and finding.is_needed:  # what would be nice to have is doctor's to tell
                log.warning("machine_lacks", name=finding.name, detail=finding.detail, hint=finding.hint)

    async def _listen(self) -> None:
        async for handle in self.backend.changes():
            record = self._records.get(handle.session_id)
            if record is not None:
                record.wake.set()
            self.pool.wake(handle.session_id)

    async def _tend(self, record: Record) -> None:
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
        await self._forget_old()

    async def _step(self, record: Record) -> float:
        seen = record.observed = await self.backend.observe(record.handle)
        if record.seen(is_known=seen.phase is not SeatPhase.UNKNOWN):
            self.changed(record)
        end = await asyncio.to_thread(self.store.end, record.session_id)
        if end is not None:
            end = honest(end, was_out_of_memory=seen.was_out_of_memory, stop=record.stop)
        decision = decide(_facts(record, seen, end), self.config.deadlines)
        match decision.step:
            case Step.PLACE:
                await self._place(record)
            case Step.STOP:
                assert decision.reason is not None
                await self.stop(record.session_id, decision.reason, decision.message)
            case Step.ASK:
                self._ask(record)
            case Step.FORCE:
                await self.backend.stop(record.handle, grace_s=self.config.term_grace_s)
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
            placed = await asyncio.to_thread(self._placed_spec, record.session_id)
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
        if self._templates is None:
            return True
        began_s, share = time.monotonic(), None
        try:
            async for share in self._templates.wait(record.spec.session.game):
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
        record.asked_s = time.monotonic()
        if not record.link.send(StopSeat(reason=record.stop, grace_s=self.config.deadlines.grace_s)):
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
        end = end or record.end
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
        self.waiting.wake()
        self.metrics.ended(end.reason)
        self.changed(record)
        log.info("session_ended", session_id=session_id, reason=end.reason, message=end.message)

    async def _adopt(self) -> None:
        is_known = True
        try:
            owned = {handle.session_id: handle async for handle in self.backend.owned()}
        except Unavailable as error:
            log.warning("backend_away", problem=error.message, hint=error.hint)
            owned, is_known = {}, False
        for session_id in await asyncio.to_thread(self.store.ids):
            seen = await self.backend.observe(SeatHandle(session_id))
            record = await asyncio.to_thread(
                recall, self.store, session_id, seen.phase, is_owned=session_id in owned, boot_id=boot_id()
            )
            if record is None:
                await sweep(self.backend, [owned.pop(session_id, SeatHandle(session_id))])
                await asyncio.to_thread(self.store.remove, session_id)
                continue
            owned.pop(session_id, None)
            if record.is_live:
                self._keep(record)
                log.info("session_adopted", session_id=session_id, state=record.state)
            else:
                self._records[session_id] = record
        if is_known:
            await sweep(self.backend, owned.values())
        else:
            assert self._tasks is not None
            self._tasks.create_task(self._sweep_later(), name="late sweep")
        await self._forget_old()

    async def _sweep_later(self) -> None:
        """What was nobody's when nobody could be asked."""
        while True:
            await asyncio.sleep(_BACK_OFF_S)
            with suppress(Unavailable):
                owned = [handle async for handle in self.backend.owned()]
                live = {record.session_id for record in self._records.values() if record.is_live}
                await sweep(self.backend, [handle for handle in owned if handle.session_id not in live])
                return

    async def _forget_old(self) -> None:
        ended = [(record.session_id, record.end) for record in self._records.values() if not record.is_live]
        old = expired(
            [(session_id, end) for session_id, end in ended if end is not None],
            now=datetime.now(UTC),
            keep=self.config.history_sessions,
            keep_s=self.config.history_age_s,
        )
        for session_id in old:
            self._records.pop(session_id, None)
            await asyncio.to_thread(self.store.remove, session_id)

    def _placed_spec(self, session_id: str) -> SeatSpec | None:
        return self.store.spec(session_id)

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
        asked_s=None if record.asked_s is None else now_s - record.asked_s,
        was_out_of_memory=seen.was_out_of_memory,
        exit_code=seen.exit_code,
        has_end=end is not None,
        is_waiting=record.is_in_line,
        was_rebooted=record.was_rebooted,
    )
