"""Users in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import func, select, update

from .database import Database
from .tables import UserTable

Role = Literal["admin", "user"]


@dataclass(frozen=True, slots=True)
class User:
    """One who may log in."""

    name: str
    role: Role
    password_hash: str
    must_change_password: bool

    @property
    def is_admin(self) -> bool:
        """Whether this user sees and rules everything."""
        return self.role == "admin"


class Users:
    """The table of users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> int:
        """How many users there are."""
        async with self._database.transaction() as session:
            return await session.scalar(select(func.count()).select_from(UserTable)) or 0

    async def get(self, name: str) -> User | None:
        """The user called `name`."""
        async with self._database.transaction() as session:
            row = await session.get(UserTable, name)
            return None if row is None else user_of(row)

    async def add(self, user: User, *, now: datetime) -> None:
        """Adds `user`."""
        async with self._database.transaction() as session:
            session.add(
                UserTable(
                    name=user.name,
                    role=user.role,
                    password_hash=user.password_hash,
                    must_change_password=user.must_change_password,
                    created_at=now,
                )
            )

    async def set_password(self, name: str, password_hash: str, *, must_change: bool) -> bool:
        """Gives the user a new password; False when there is no such user."""
        async with self._database.transaction() as session:
            changed = await session.execute(
                update(UserTable)
                .where(UserTable.name == name)
                .values(password_hash=password_hash, must_change_password=must_change)
                .returning(UserTable.name)
            )
            return changed.first() is not None


def user_of(row: UserTable) -> User:
    """The plain form of a row."""
    return User(row.name, cast(Role, row.role), row.password_hash, row.must_change_password)
