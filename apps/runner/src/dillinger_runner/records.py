"""A session as the runner sees it: the view in memory, made again from the store and the backend after a restart.

All changes of state go through the lifecycle table. Nothing here does I/O; the keeper owns the records, on the
runner's loop.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from dillinger_contracts import (
    EndReason,
    QueuePlace,
    RunnerEvent,
    RunnerSession,
    SeatSpec,
    SeatStats,
    SessionEnd,
    SessionEvent,
    SessionState,
    StartStep,
)
from dillinger_contracts.control import (
    Enroll,
    PartRestarted,
    PeersChanged,
    Report,
    SeatEnded,
    SeatReady,
    StatsTaken,
    StepDone,
)
from dillinger_contracts.lifecycle import TRANSITIONS, apply

from .backends.base import Observation, SeatHandle
from .link import SeatLink
from .tokens import digest


@dataclass(slots=True)
class Record:
    """One session."""

    spec: SeatSpec
    state: SessionState = SessionState.REQUESTED
    entered_s: float = field(default_factory=time.monotonic)
    """When the state was entered, monotonic."""
    steps: tuple[StartStep, ...] = ()
    peers: int = 0
    stats: SeatStats | None = None
    end: SessionEnd | None = None
    """How it ended, once its seat has said so or it is over."""
    stop: EndReason | None = None
    """Why it is to end, where that was wished before its seat said anything."""
    stop_message: str = ""
    leaving_s: float | None = None
    """Since when its seat is on its way out, monotonic: it was asked to end, or has said how it ended."""
    digests: list[str] = field(default_factory=list)
    link: SeatLink | None = None
    last_report: int = 0
    was_ready: bool = False
    """Whether the seat has said that the game shows."""
    observed: Observation | None = None
    """What its keeper saw of it last."""
    queue: QueuePlace | None = None
    """Where it stands, while it waits for room."""
    was_rebooted: bool = False
    """Whether it was placed before the machine's last start."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it was placed, or won't be, or waits for something."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.spec.session.session_id

    @property
    def handle(self) -> SeatHandle:
        """Names the seat to its backend."""
        return SeatHandle(self.session_id)

    @property
    def age_s(self) -> float:
        """How long ago it was asked for."""
        return (datetime.now(UTC) - self.spec.session.created_at).total_seconds()

    @property
    def is_in_line(self) -> bool:
        """Whether it waits for room, and still wants it."""
        return self.queue is not None and self.state is SessionState.REQUESTED

    @property
    def is_live(self) -> bool:
        """Whether it takes up room."""
        return self.state is not SessionState.ENDED

    @property
    def is_settled(self) -> bool:
        """Whether nobody waits for its start any more."""
        return self.state not in (SessionState.REQUESTED, SessionState.PLACING, SessionState.STARTING)

    def step(self, event: SessionEvent) -> bool:
        """Applies `event` where the table has it for this state; False where it does not (it came late, or twice)."""
        if (self.state, event) not in TRANSITIONS:
            return False
        self.state = apply(self.state, event)
        self.entered_s = time.monotonic()
        if self.state not in (SessionState.REQUESTED, SessionState.PLACING):
            self.settled.set()
        if self.state is SessionState.ENDED:
            self.over.set()
        self.wake.set()
        return True

    def view(self) -> RunnerSession:
        """As the API shows it."""
        session = self.spec.session
        return RunnerSession(
            session_id=session.session_id,
            game_id=session.game.game_id,
            user_id=session.user_id,
            state=self.state,
            created_at=session.created_at,
            steps=self.steps,
            peers=self.peers,
            end=self.end if self.state is SessionState.ENDED else None,
            stats=self.stats if self.is_live else None,
            queue=self.queue if self.state is SessionState.REQUESTED else None,
        )

    def event(self, name: Literal["session_created", "session_changed", "session_ended"] | None = None) -> RunnerEvent:
        """The fact that it is now like this."""
        usual: Literal["session_changed", "session_ended"] = "session_changed" if self.is_live else "session_ended"
        return RunnerEvent(event=name or usual, session=self.view())

    def enrolled(self, enroll: Enroll) -> None:
        """The seat has a link (again), and says how far it is."""
        told = {step.name for step in enroll.steps}
        self.steps = (*(step for step in self.steps if step.name not in told), *enroll.steps)
        self.was_ready = self.was_ready or enroll.is_ready
        self.step(SessionEvent.PLACED)
        if self.state is SessionState.UNREACHABLE:
            self.step(SessionEvent.SEAT_READY if enroll.is_ready else SessionEvent.SEAT_RESUMED)
        elif enroll.is_ready and self.state is SessionState.STARTING:
            self.step(SessionEvent.SEAT_READY)
        self._count(enroll.peers)

    def note(self, step: StartStep) -> None:
        """A step before its seat's own; the word that came last counts."""
        self.steps = (*(known for known in self.steps if known.name != step.name), step)
        self.settled.set()  # who asked for it is told what it waits for, and waits no longer

    def reported(self, report: Report) -> bool:
        """Takes a report in; returns whether there is something to tell. Repeats are passed over."""
        if report.number <= self.last_report:
            return False
        self.last_report = report.number
        match report.body:
            case StepDone(step=step):
                self.steps = (*self.steps, step)[-64:]
            case SeatReady():
                self.was_ready = True
                return self.step(SessionEvent.SEAT_READY)
            case PeersChanged(peers=peers):
                self._count(peers)
            case StatsTaken(stats=stats):
                self.stats = stats
                return False
            case SeatEnded(end=end):
                self.end, self.leaving_s = end, self.leaving_s or time.monotonic()
                return self.step(SessionEvent.LINK_LOST if self.starts_again(end.reason) else SessionEvent.STOP)
            case PartRestarted():
                return False
        return True

    def starts_again(self, reason: EndReason) -> bool:
        """Whether it is to be placed once more rather than to end for `reason`."""
        return self.stop is None and not self.was_rebooted and self.spec.starts_again(reason)

    def begin_again(self, token: str) -> None:
        """It is to be placed once more, with a seat that dials with `token`; nothing of the first one counts."""
        self.spec = self.spec.model_copy(update={"restarts": self.spec.restarts + 1, "control_token": token})
        self.digests = [digest(token)]
        self.steps, self.stats, self.end, self.link = (), None, None, None
        self.peers = self.last_report = 0
        self.leaving_s, self.was_ready = None, False
        self.step(SessionEvent.RESTART)

    def seen(self, *, is_known: bool) -> bool:
        """Its backend was asked, and does know of it or does not answer; returns whether there is something to tell.

        The seat's link may be up all the while: then it is back as soon as the backend is.
        """
        if not is_known:
            return self.step(SessionEvent.LINK_LOST)
        if self.state is not SessionState.UNREACHABLE or self.link is None:
            return False
        self.step(SessionEvent.SEAT_READY if self.was_ready else SessionEvent.SEAT_RESUMED)
        self._count(self.peers)
        return True

    def _count(self, peers: int) -> None:
        self.peers = peers
        if peers > 0:
            self.step(SessionEvent.PEER_JOINED)
        else:
            self.step(SessionEvent.PEERS_LEFT)
