"""What to do about one session, given what is seen of it: a pure function of facts, called again whenever something
may have changed. It remembers nothing, so a runner that was killed decides the same after its restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dillinger_contracts import EndReason, SessionEnd, SessionState

from .backends.base import SeatPhase

_START_MARGIN_S = 5.0
_LOOK_AGAIN_S = 10.0
_UNKNOWN_AGAIN_S = 1.0


class Step(StrEnum):
    """What the keeper does next."""

    PLACE = "place"
    STOP = "stop"
    """Takes on the wish to stop, with the decision's reason."""
    ASK = "ask"
    """Asks the seat over its link to end."""
    FORCE = "force"
    """Has the backend end it."""
    FINISH = "finish"
    """It is over: clear away what is left, and say how it ended."""
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each state may last."""

    start_s: float
    unreachable_s: float
    grace_s: float


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision rests on."""

    state: SessionState
    phase: SeatPhase
    in_state_s: float
    stop: EndReason | None = None
    """Why it is to end, if it is."""
    has_link: bool = False
    leaving_s: float | None = None
    """For how long the seat has been on its way out: asked to end, or ended by its own word."""
    was_out_of_memory: bool = False
    exit_code: int | None = None
    has_end: bool = False
    """Whether the seat has said how it ended."""
    is_waiting: bool = False
    """Whether it stands in the queue for room."""
    was_rebooted: bool = False
    """Whether it was placed before the machine's last start."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step and, for a rest, when to look again."""

    step: Step
    reason: EndReason | None = None
    message: str = ""
    again_s: float = 0.0


def decide(facts: Facts, deadlines: Deadlines) -> Decision:
    """The next step for a session."""
    if facts.state is SessionState.ENDED:
        return Decision(Step.REST, again_s=_LOOK_AGAIN_S)
    if facts.phase is SeatPhase.UNKNOWN:
        is_unasked = facts.stop is not None and facts.has_link and facts.leaving_s is None
        return Decision(Step.ASK) if is_unasked else Decision(Step.REST, again_s=_UNKNOWN_AGAIN_S)
    if facts.is_waiting and facts.stop is None:
        return Decision(Step.REST, again_s=_LOOK_AGAIN_S)
    if facts.phase is SeatPhase.ABSENT and facts.state in (SessionState.REQUESTED, SessionState.PLACING):
        is_wanted = facts.stop is None and not facts.has_end and not facts.was_rebooted
        return Decision(Step.PLACE) if is_wanted else _finish(facts)
    if facts.phase in (SeatPhase.ABSENT, SeatPhase.EXITED):
        return _finish(facts)
    if facts.leaving_s is None:
        if facts.stop is None:
            return _watch(facts, deadlines)
        return Decision(Step.ASK if facts.has_link else Step.FORCE)
    left_s = deadlines.grace_s - facts.leaving_s
    return Decision(Step.REST, again_s=left_s) if left_s > 0 else Decision(Step.FORCE)


def _watch(facts: Facts, deadlines: Deadlines) -> Decision:
    limit_s: float
    if facts.state is SessionState.STARTING:
        limit_s, reason = deadlines.start_s + _START_MARGIN_S, EndReason.START_TIMEOUT
        message = f"The game did not show within {deadlines.start_s:g} s"
    elif facts.state is SessionState.UNREACHABLE:
        limit_s, reason = deadlines.unreachable_s, EndReason.SEAT_LOST
        message = f"The seat did not report for {deadlines.unreachable_s:g} s"
    else:
        return Decision(Step.REST, again_s=_LOOK_AGAIN_S)
    left_s = limit_s - facts.in_state_s
    if left_s <= 0:
        return Decision(Step.STOP, reason, message)
    return Decision(Step.REST, again_s=min(left_s, _LOOK_AGAIN_S))


def _finish(facts: Facts) -> Decision:
    if facts.was_rebooted and facts.stop is None:
        return Decision(Step.FINISH, EndReason.SEAT_LOST, "The machine was restarted while this session ran")
    if facts.was_out_of_memory:
        return Decision(Step.FINISH, EndReason.OUT_OF_MEMORY, "The seat was killed for using more memory than it may")
    if facts.stop is not None:
        return Decision(Step.FINISH, facts.stop)
    how = "" if facts.exit_code is None else f" (exit code {facts.exit_code})"
    return Decision(Step.FINISH, EndReason.SEAT_LOST, f"The seat is gone without a report{how}")


def honest(end: SessionEnd, *, was_out_of_memory: bool, stop: EndReason | None = None) -> SessionEnd:
    """A seat's own word for its end, where it could know.

    One whose cell fell as a whole can't have seen that memory ran out, and one that was ended by a signal can't have
    heard why: that is `stop`, if the session was to be stopped.
    """
    if end.reason is EndReason.SEAT_LOST and stop is not None:
        return end.model_copy(update={"reason": stop, "message": ""})
    if end.reason not in (EndReason.INTERNAL, EndReason.CELL_LOST) or not was_out_of_memory:
        return end
    message = f"The session's memory is used up ({end.message})"
    return end.model_copy(update={"reason": EndReason.OUT_OF_MEMORY, "message": message})


def expired(ended: Iterable[tuple[str, SessionEnd]], *, now: datetime, keep: int, keep_s: float) -> list[str]:
    """Ids of ended sessions that the history need not keep: too old, or too many."""
    newest_first = sorted(ended, key=lambda entry: entry[1].ended_at, reverse=True)
    oldest = now - timedelta(seconds=keep_s)
    return [
        session_id for index, (session_id, end) in enumerate(newest_first) if index >= keep or end.ended_at < oldest
    ]
