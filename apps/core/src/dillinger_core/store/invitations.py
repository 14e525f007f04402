"""Invitations in the database: who was asked to come and look; what opens one is never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import delete, select

from .database import Database
from .tables import InvitationTable

GuestRole = Literal["player", "viewer"]


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """One invitation to one session."""

    invitation_id: str
    session_id: str
    token_sha256: str
    role: GuestRole
    """A viewer may only ever watch; a player may be given control."""
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    """None: with the session."""


class InvitationRows:
    """The table of invitations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: InvitationRow) -> None:
        """Notes one."""
        async with self._database.transaction() as session:
            session.add(
                InvitationTable(
                    invitation_id=row.invitation_id,
                    session_id=row.session_id,
                    token_sha256=row.token_sha256,
                    role=row.role,
                    created_by=row.created_by,
                    created_at=row.created_at,
                    expires_at=row.expires_at,
                )
            )

    async def get(self, invitation_id: str) -> InvitationRow | None:
        """One of them."""
        async with self._database.transaction() as session:
            found = await session.get(InvitationTable, invitation_id)
            return None if found is None else _row_of(found)

    async def of_session(self, session_id: str, *, now: datetime) -> list[InvitationRow]:
        """Those of a session that are good still, oldest first; forgets those that are over."""
        async with self._database.transaction() as session:
            await session.execute(delete(InvitationTable).where(InvitationTable.expires_at <= now))
            found = await session.scalars(
                select(InvitationTable)
                .where(InvitationTable.session_id == session_id)
                .order_by(InvitationTable.created_at, InvitationTable.invitation_id)
            )
            return [_row_of(row) for row in found]

    async def remove(self, session_id: str, invitation_id: str) -> bool:
        """Ends one; False when the session has none of this name."""
        async with self._database.transaction() as session:
            gone = await session.scalar(
                delete(InvitationTable)
                .where(InvitationTable.invitation_id == invitation_id, InvitationTable.session_id == session_id)
                .returning(InvitationTable.invitation_id)
            )
            return gone is not None


def _row_of(row: InvitationTable) -> InvitationRow:
    return InvitationRow(
        invitation_id=row.invitation_id,
        session_id=row.session_id,
        token_sha256=row.token_sha256,
        role=cast(GuestRole, row.role),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
