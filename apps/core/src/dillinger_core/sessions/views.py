"""A session as core's API shows it: what the database says, seen through whether the runner can be reached."""

from __future__ import annotations

from datetime import datetime

from dillinger_contracts import EndReason, QueuePlace, SessionState, Show
from dillinger_contracts.model import Model
from dillinger_core.store import SessionRow


class StepView(Model):
    """One step of a start."""

    name: str
    duration_ms: float
    share_done: float | None
    """Of one that is under way; None for one that is done."""


class EndView(Model):
    """How a session ended."""

    reason: EndReason
    message: str
    exit_code: int | None
    signal: str | None
    log_tail: tuple[str, ...]
    ended_at: datetime


class QueueView(Model):
    """Where a session stands that waits for room; 1 is next."""

    place: int
    length: int
    reason: str


class SessionView(Model):
    """A session for its user, and for admins."""

    session_id: str
    game_id: str
    game_title: str
    user_name: str
    state: SessionState
    created_at: datetime
    ended_at: datetime | None
    steps: tuple[StepView, ...]
    peers: int
    show: Show
    """`host`: it is on the display of the machine that it runs on, and not streamed."""
    queue: QueueView | None
    end: EndView | None


def view_of(row: SessionRow, *, peers: int, queue: QueuePlace | None = None, is_runner_reachable: bool) -> SessionView:
    """What is shown of `row`; a live session is `unreachable` while nobody knows how it fares."""
    state = row.state
    if row.is_live and not is_runner_reachable:
        state = SessionState.UNREACHABLE
    elif row.is_live and row.stop_reason is not None:
        state = SessionState.STOPPING
    end = None
    if row.end is not None:
        end = EndView.model_validate(row.end.model_dump(by_alias=False))
    return SessionView(
        session_id=row.session_id,
        game_id=row.game_id,
        game_title=row.game_title,
        user_name=row.user_name,
        state=state,
        created_at=row.created_at,
        ended_at=row.end.ended_at if row.end else None,
        steps=tuple(
            StepView(name=step.name, duration_ms=step.duration_ms, share_done=step.share_done) for step in row.steps
        ),
        peers=peers if row.is_live else 0,
        show=row.show,
        queue=QueueView(**queue.model_dump(by_alias=False)) if queue and state is SessionState.REQUESTED else None,
        end=end,
    )
