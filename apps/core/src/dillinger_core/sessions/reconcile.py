"""Compares core's wishes with what the runner has, and says what to do.

Pure and level-triggered: what was missed or interrupted, by whatever crash, is made good the next time.

    wish of core          the runner has it          the runner has it not
    requested             apply                      place again, while it is young; else give up
    placed                apply                      ask for it by name (the list may be older than the wish)
    … and to be stopped   apply, stop                give up (never placed) or ask
    ended                 stop, if it lives          nothing
    unknown               nothing: somebody else's   -
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from dillinger_contracts import EndReason, RunnerSession, SessionState
from dillinger_core.store import SessionRow

_ENDING = (SessionState.STOPPING, SessionState.ENDED)


@dataclass(frozen=True, slots=True)
class Apply:
    """Note what the runner says."""

    seen: RunnerSession


@dataclass(frozen=True, slots=True)
class Place:
    """Ask the runner (again) to place it."""

    row: SessionRow


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the runner for this one by name; if it has it not, the session is lost."""

    row: SessionRow


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask the runner to end it."""

    session_id: str
    reason: EndReason


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the wish without the runner."""

    row: SessionRow
    reason: EndReason


Action = Apply | Place | Ask | Stop | GiveUp


def reconcile(
    rows: Iterable[SessionRow],
    seen: Mapping[str, RunnerSession],
    *,
    now: datetime,
    wish_lifetime: timedelta,
    being_placed: Set[str],
) -> list[Action]:
    """What brings `rows` and `seen` together; `being_placed` are wishes that a request of this process is busy with."""
    actions: list[Action] = []
    for row in rows:
        found = seen.get(row.session_id)
        if not row.is_live:
            if found is not None and found.state not in _ENDING:
                actions.append(Stop(row.session_id, row.stop_reason or EndReason.INTERNAL))
        elif found is not None:
            actions.append(Apply(found))
            if row.stop_reason is not None and found.state not in _ENDING:
                actions.append(Stop(row.session_id, row.stop_reason))
        elif row.session_id not in being_placed:
            actions.append(_missing(row, now, wish_lifetime))
    return actions


def _missing(row: SessionRow, now: datetime, wish_lifetime: timedelta) -> Action:
    if row.state is not SessionState.REQUESTED:
        return Ask(row)
    if row.stop_reason is not None:
        return GiveUp(row, row.stop_reason)
    if now - row.created_at <= wish_lifetime:
        return Place(row)
    return GiveUp(row, EndReason.PLACEMENT_FAILED)
