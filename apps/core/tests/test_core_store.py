"""The database: migrations with data in it, and what has to hold however many ask at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from dillinger_contracts import EndReason, SessionEnd, SessionState, StartStep, StreamProfile
from dillinger_core.store import Database, GameIndex, Logins, SessionRow, SessionRows, User, Users
from dillinger_core.store.database import migrate
from dillinger_core.store.tables import Base

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
END = SessionEnd(
    reason=EndReason.GAME_CRASHED,
    message="it fell",
    exit_code=None,
    signal="SIGSEGV",
    log_tail=("a", "b"),
    ended_at=NOW,
)


SESSION_OF_THE_FIRST_RELEASE = f"""
INSERT INTO sessions VALUES (
    '{"a" * 20}', 'admin', 'game', 'Game', 'ended', '{StreamProfile(rate_hz=30).model_dump_json()}', NULL,
    '{NOW:%F %T}', '{NOW:%F %T}', 'game_crashed', 'it fell', NULL, 'SIGSEGV', '["a", "b"]',
    '[{{"name": "placed", "duration_ms": 1.5}}]'
)
"""


def wish(session_id: str = "a" * 20, game_id: str = "game", user: str = "admin") -> SessionRow:
    return SessionRow(session_id, user, game_id, "Game", SessionState.REQUESTED, NOW, profile=StreamProfile(rate_hz=30))


async def opened(tmp_path: Path) -> Database:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'dir/core.db'}")
    await Users(database).add(User("admin", "admin", "hash", must_change_password=True), now=NOW)
    return database


async def test_migration_keeps_the_data_of_the_first_release(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'core.db'}"
    old = await Database.open(url, revision="0001")
    await Users(old).add(User("admin", "admin", "hash", must_change_password=False), now=NOW)
    await Logins(old).add("f" * 64, "admin", now=NOW, expires_at=NOW.replace(year=2027))
    async with old.transaction() as session:
        await (await session.connection()).exec_driver_sql(SESSION_OF_THE_FIRST_RELEASE)
    await old.close()
    new = await Database.open(url)
    try:
        [row] = await SessionRows(new).history(user_name=None)
        assert row.end == END and row.profile == StreamProfile(rate_hz=30) and row.runner is None
        assert row.steps == (StartStep(name="placed", duration_ms=1.5),)
        login = await Logins(new).find("f" * 64, now=NOW)
        assert login is not None and login.user.name == "admin"
        assert await GameIndex(new).all() == []
    finally:
        await new.close()


async def test_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    database = await opened(tmp_path)

    def differences(connection: Connection) -> list[object]:
        migrate(connection, "head")
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    try:
        async with database.transaction() as session:
            assert await (await session.connection()).run_sync(differences) == []
            assert (await session.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
            assert (await session.execute(text("PRAGMA foreign_keys"))).scalar() == 1
        assert (tmp_path / "dir/core.db").stat().st_mode & 0o777 == 0o600
    finally:
        await database.close()


async def test_one_live_session_per_user_and_game(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    rows = SessionRows(database)
    try:
        results = await asyncio.gather(*(rows.add(wish(f"{number:020d}")) for number in range(8)))
        assert [is_new for _, is_new in results].count(True) == 1
        assert len({row.session_id for row, _ in results}) == 1
        winner = results[0][0].session_id
        assert await rows.finish(winner, END) is not None
        assert await rows.finish(winner, END) is None, "an end is written once"
        assert await rows.note(winner, state=SessionState.READY, steps=()) is None
        _, is_new = await rows.add(wish("b" * 20))
        assert is_new
        assert await rows.live_count() == 1
        assert [row.is_live for row in await rows.history(user_name="admin")] == [True, False]
    finally:
        await database.close()


async def test_first_reason_to_stop_stays(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    rows = SessionRows(database)
    try:
        await rows.add(wish())
        await rows.wish_stop("a" * 20, EndReason.USER_STOP)
        row = await rows.wish_stop("a" * 20, EndReason.ADMIN_STOP)
        assert row is not None and row.stop_reason is EndReason.USER_STOP
    finally:
        await database.close()


async def test_unknown_user_cannot_have_a_session(tmp_path: Path) -> None:
    from sqlalchemy.exc import IntegrityError

    database = await opened(tmp_path)
    try:
        with pytest.raises(IntegrityError):
            await SessionRows(database).add(wish(user="nobody"))
    finally:
        await database.close()
