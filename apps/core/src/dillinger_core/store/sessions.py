"""Sessions in the database: the wishes of users and the history of what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from dillinger_contracts import EndReason, SessionEnd, SessionState, Show, StartStep, StreamProfile

from .database import Database
from .tables import SessionTable

_NEVER_PLAYED = (EndReason.REFUSED.value, EndReason.PLACEMENT_FAILED.value)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One wish to play and what is known of it."""

    session_id: str
    user_name: str
    game_id: str
    game_title: str
    state: SessionState
    created_at: datetime
    profile: StreamProfile | None = None
    show: Show = "stream"
    stop_reason: EndReason | None = None
    """Set when somebody asked for the end, before the runner is told."""
    steps: tuple[StartStep, ...] = ()
    end: SessionEnd | None = None
    runner: str | None = None
    """Which runner has it, or was asked last; None before anyone was."""

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.state is not SessionState.ENDED


class SessionRows:
    """The table of sessions. Rows that have ended never change again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: SessionRow) -> tuple[SessionRow, bool]:
        """Notes a new wish, and True; or the live one of the same user and game, and False, whoever was first."""
        for is_last in (False, False, True):
            try:
                async with self._database.transaction() as session:
                    session.add(_table_of(row))
            except IntegrityError:
                if (living := await self.living(row.user_name, row.game_id)) is not None:
                    return living, False
                # It ended between the refusal and the look: the way is free now.
                if is_last:
                    raise
            else:
                break
        return row, True

    async def living(self, user_name: str, game_id: str) -> SessionRow | None:
        """The live session of this user and game."""
        async with self._database.transaction() as session:
            found = await session.scalar(
                select(SessionTable).where(
                    SessionTable.user_name == user_name,
                    SessionTable.game_id == game_id,
                    SessionTable.ended_at.is_(None),
                )
            )
            return None if found is None else _row_of(found)

    async def get(self, session_id: str) -> SessionRow | None:
        """One session."""
        async with self._database.transaction() as session:
            found = await session.get(SessionTable, session_id)
            return None if found is None else _row_of(found)

    async def known(self, session_ids: Iterable[str]) -> list[SessionRow]:
        """Those of `session_ids` that are in the table, and every live one."""
        wanted = list(session_ids)
        async with self._database.transaction() as session:
            found = await session.scalars(
                select(SessionTable).where(SessionTable.session_id.in_(wanted) | SessionTable.ended_at.is_(None))
            )
            return [_row_of(row) for row in found]

    async def history(self, *, user_name: str | None, limit: int = 200) -> list[SessionRow]:
        """The newest sessions, of one user or of all; live ones first."""
        query = select(SessionTable).order_by(SessionTable.ended_at.is_not(None), SessionTable.created_at.desc())
        if user_name is not None:
            query = query.where(SessionTable.user_name == user_name)
        async with self._database.transaction() as session:
            return [_row_of(row) for row in await session.scalars(query.limit(limit))]

    async def live_count(self) -> int:
        """How many sessions have not ended."""
        async with self._database.transaction() as session:
            query = select(func.count()).select_from(SessionTable).where(SessionTable.ended_at.is_(None))
            return await session.scalar(query) or 0

    async def note(self, session_id: str, *, state: SessionState, steps: tuple[StartStep, ...]) -> SessionRow | None:
        """Writes where a live session stands; None when it is unknown or over."""
        return await self._change(session_id, state=state.value, steps=[s.model_dump(by_alias=False) for s in steps])

    async def assign(self, session_id: str, runner: str) -> SessionRow | None:
        """Writes which runner has it, or is about to be asked; None when it is unknown or over."""
        return await self._change(session_id, runner=runner)

    async def last_runner(self, user_name: str, game_id: str) -> str | None:
        """Which runner this user played this game on last."""
        query = (
            select(SessionTable.runner)
            .where(
                SessionTable.user_name == user_name,
                SessionTable.game_id == game_id,
                SessionTable.runner.is_not(None),
                SessionTable.state != SessionState.REQUESTED.value,
                func.coalesce(SessionTable.end_reason, "").not_in(_NEVER_PLAYED),
            )
            .order_by(SessionTable.created_at.desc())
            .limit(1)
        )
        async with self._database.transaction() as session:
            return await session.scalar(query)

    async def wish_stop(self, session_id: str, reason: EndReason) -> SessionRow | None:
        """Notes that somebody wants the end; the first reason stays. None when it is unknown or over."""
        return await self._change(session_id, stop_reason=func.coalesce(SessionTable.stop_reason, reason.value))

    async def finish(
        self, session_id: str, end: SessionEnd, *, steps: tuple[StartStep, ...] | None = None
    ) -> SessionRow | None:
        """Writes the end; None when it is unknown or was over before."""
        values: dict[str, object] = {
            "state": SessionState.ENDED.value,
            "ended_at": end.ended_at,
            "end_reason": end.reason.value,
            "end_message": end.message,
            "exit_code": end.exit_code,
            "signal": end.signal,
            "log_tail": list(end.log_tail),
        }
        if steps:
            values["steps"] = [step.model_dump(by_alias=False) for step in steps]
        return await self._change(session_id, **values)

    async def _change(self, session_id: str, **values: object) -> SessionRow | None:
        async with self._database.transaction() as session:
            changed = await session.scalar(
                update(SessionTable)
                .where(SessionTable.session_id == session_id, SessionTable.ended_at.is_(None))
                .values(**values)
                .returning(SessionTable)
            )
            return None if changed is None else _row_of(changed)


def _table_of(row: SessionRow) -> SessionTable:
    return SessionTable(
        session_id=row.session_id,
        user_name=row.user_name,
        game_id=row.game_id,
        game_title=row.game_title,
        state=row.state.value,
        profile=row.profile.model_dump() if row.profile else None,
        show=row.show,
        created_at=row.created_at,
        runner=row.runner,
        end_message="",
        log_tail=[],
        steps=[],
    )


def _row_of(row: SessionTable) -> SessionRow:
    end = None
    if row.ended_at is not None and row.end_reason is not None:
        end = SessionEnd(
            reason=EndReason(row.end_reason),
            message=row.end_message,
            exit_code=row.exit_code,
            signal=row.signal,
            log_tail=tuple(row.log_tail),
            ended_at=row.ended_at,
        )
    return SessionRow(
        session_id=row.session_id,
        user_name=row.user_name,
        game_id=row.game_id,
        game_title=row.game_title,
        state=SessionState(row.state),
        created_at=row.created_at,
        profile=StreamProfile.model_validate(row.profile) if row.profile else None,
        show="host" if row.show == "host" else "stream",
        stop_reason=EndReason(row.stop_reason) if row.stop_reason else None,
        steps=tuple(StartStep.model_validate(step) for step in row.steps),
        end=end,
        runner=row.runner,
    )
