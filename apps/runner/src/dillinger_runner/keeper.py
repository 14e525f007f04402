"""The keeper of all sessions: takes wishes in, adopts what runs when it starts, and forgets what has long ended.

It owns the records, on the runner's loop, and has the `steward` tend each one that lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from dillinger_contracts import (
    Conflict,
    EndReason,
    GameLaunchRequest,
    NotFound,
    RunnerEvent,
    Unavailable,
    Unsupported,
)

from .admission import Capacity, Claim, Machine, admit_disk, admit_game, admit_screen
from .adoption import recall, sweep
from .backends.base import Backend, SeatHandle
from .backends.identity import boot_id
from .events import EventFeed
from .library import Library
from .metering import Meter
from .metrics import RunnerMetrics
from .pool import SeatPool
from .reconcile import Deadlines, expired
from .records import Record
from .steward import Steward
from .store import SessionStore
from .templates import WineTemplates
from .tokens import digest
from .vault import Vault
from .waiting import QueueRules, WaitingRoom
from .wishes import Places, resources_of, seat_spec

_SETTLE_S = 2.0
_SWEEP_AGAIN_S = 1.0
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
        self._steward = Steward(
            backend=backend,
            store=store,
            pool=self.pool,
            templates=templates,
            metrics=self.metrics,
            deadlines=config.deadlines,
            term_grace_s=config.term_grace_s,
            changed=self.changed,
            left=self.waiting.wake,
        )
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
        await self._steward.stop(record, reason, message)
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

    async def _tend(self, record: Record) -> None:
        await self._steward.tend(record)
        await self._forget_old()

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
            await asyncio.sleep(_SWEEP_AGAIN_S)
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
