"""Logins in the database, found by the hash of their token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from .database import Database
from .tables import LoginTable, UserTable
from .users import User, user_of


@dataclass(frozen=True, slots=True)
class LoginRow:
    """A browser that is logged in, with its user."""

    token_sha256: str
    user: User
    expires_at: datetime


class Logins:
    """The table of logins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token_sha256: str, user_name: str, *, now: datetime, expires_at: datetime) -> None:
        """Notes a login, and forgets those that are over."""
        async with self._database.transaction() as session:
            await session.execute(delete(LoginTable).where(LoginTable.expires_at <= now))
            session.add(
                LoginTable(token_sha256=token_sha256, user_name=user_name, created_at=now, expires_at=expires_at)
            )

    async def find(self, token_sha256: str, *, now: datetime) -> LoginRow | None:
        """The login with this hash, unless it is over."""
        async with self._database.transaction() as session:
            found = await session.execute(
                select(LoginTable, UserTable)
                .join(UserTable, UserTable.name == LoginTable.user_name)
                .where(LoginTable.token_sha256 == token_sha256, LoginTable.expires_at > now)
            )
            row = found.first()
            if row is None:
                return None
            login, user = row
            return LoginRow(login.token_sha256, user_of(user), login.expires_at)

    async def remove(self, token_sha256: str) -> None:
        """Ends one login."""
        async with self._database.transaction() as session:
            await session.execute(delete(LoginTable).where(LoginTable.token_sha256 == token_sha256))

    async def remove_all(self, user_name: str, *, but: str | None = None) -> None:
        """Ends every login of a user, except the one with the hash `but`."""
        async with self._database.transaction() as session:
            others = delete(LoginTable).where(LoginTable.user_name == user_name)
            await session.execute(others if but is None else others.where(LoginTable.token_sha256 != but))
