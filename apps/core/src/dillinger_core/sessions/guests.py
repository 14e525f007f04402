"""Guests: people without an account who were asked to come and look at one session, or to play along in it.

An invitation is opened by a token that its link carries behind a `#`, so that no log and no server on the way sees it;
the database has its hash. It opens one session's stream and nothing else, until it expires, is revoked, or the session
ends; then whoever came by it is gone at once. Owned by the event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from dillinger_contracts import Conflict, Denied, Exhausted, NotFound
from dillinger_core.auth import FailureLimit
from dillinger_core.settings import CoreSettings
from dillinger_core.store import GuestRole, InvitationRow, InvitationRows, SessionRow, SessionRows, User
from dillinger_core.tickets import sign_ticket

MOST_INVITATIONS = 8
"""Of one session at a time."""
MOST_GUESTS = 12
"""Streams of one session that are open at a time."""
NAMELESS = "Guest"
_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH = 12
_MOST_NAME = 24

log = structlog.get_logger()


class InvitationRefused(Denied):
    """Unknown, wrong, expired or revoked; never says which."""

    code = "invitation_refused"


@dataclass(eq=False, slots=True)
class Guest:
    """A guest's stream."""

    invitation: InvitationRow
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Fires when the invitation is over."""


class Invitations:
    """All invitations, and who came by them."""

    def __init__(
        self, settings: CoreSettings, rows: InvitationRows, sessions: SessionRows, *, ticket_secret: bytes
    ) -> None:
        self._rows = rows
        self._sessions = sessions
        self._ticket_secret = ticket_secret
        self._failures = FailureLimit(
            limit=settings.login_failures_per_address, window_s=settings.login_failure_window_s, what="invitations"
        )
        self._guests: set[Guest] = set()

    async def make(
        self, user: User, session_id: str, *, role: GuestRole, lifetime_s: int | None
    ) -> tuple[InvitationRow, str]:
        """A new invitation and what opens it; raises `NotFound`, `Conflict` and `Exhausted`."""
        session = await self._of(user, session_id)
        now = datetime.now(UTC)
        if not session.is_live:
            raise Conflict("This session has ended")
        if len(await self._rows.of_session(session_id, now=now)) >= MOST_INVITATIONS:
            raise Exhausted(f"A session has at most {MOST_INVITATIONS} invitations", hint="Revoke one first")
        token = secrets.token_urlsafe(24)
        row = InvitationRow(
            invitation_id="".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH)),
            session_id=session_id,
            token_sha256=_sha256(token),
            role=role,
            created_by=user.name,
            created_at=now,
            expires_at=None if lifetime_s is None else now + timedelta(seconds=lifetime_s),
        )
        await self._rows.add(row)
        log.info("invitation_made", invitation_id=row.invitation_id, session_id=session_id, role=role, user=user.name)
        return row, token

    async def of_session(self, user: User, session_id: str) -> list[tuple[InvitationRow, int]]:
        """The good invitations of a session, each with how many came by it and are there."""
        await self._of(user, session_id)
        rows = await self._rows.of_session(session_id, now=datetime.now(UTC))
        return [(row, sum(row == guest.invitation for guest in self._guests)) for row in rows]

    async def revoke(self, user: User, session_id: str, invitation_id: str) -> None:
        """Ends one, and the streams of those who came by it; raises `NotFound`."""
        await self._of(user, session_id)
        if not await self._rows.remove(session_id, invitation_id):
            raise NotFound("There is no such invitation")
        log.info("invitation_revoked", invitation_id=invitation_id, session_id=session_id, user=user.name)
        for guest in self._guests:
            if guest.invitation.invitation_id == invitation_id:
                guest.over.set()

    async def open(self, invitation_id: str, token: str, *, address: str) -> tuple[InvitationRow, SessionRow]:
        """The invitation that `token` opens, and its session; raises `InvitationRefused` or `TooManyAttempts`."""
        now_s = time.monotonic()
        self._failures.check(address, now_s=now_s)
        row = await self._good(invitation_id)
        is_right = hmac.compare_digest(row.token_sha256 if row else "", _sha256(token))
        session = await self._sessions.get(row.session_id) if row is not None and is_right else None
        if row is None or session is None:
            self._failures.fail(address, now_s=now_s)
            raise InvitationRefused(
                "This invitation is not good, or not any more", hint="Ask who invited you for a new one"
            )
        return row, session

    async def ticket(self, row: InvitationRow, session: SessionRow, name: str) -> tuple[str, datetime]:
        """A right to open the session's stream once, and when it expires; raises `Conflict`."""
        if not session.is_live:
            raise Conflict("This session has ended")
        return sign_ticket(
            self._ticket_secret, session_id=row.session_id, user_id=f"guest-{row.invitation_id}", role=row.role,
            now=datetime.now(UTC), name=guest_name(name),
        )  # fmt: skip

    @contextmanager
    def stay(self, row: InvitationRow) -> Iterator[Guest]:
        """For as long as a guest's stream is open; raises `Exhausted` when too many are there."""
        if sum(guest.invitation.session_id == row.session_id for guest in self._guests) >= MOST_GUESTS:
            raise Exhausted(f"At most {MOST_GUESTS} guests may watch at a time", hint="Try again later")
        guest, timer = Guest(row), None
        if row.expires_at is not None:
            left_s = max(0.0, (row.expires_at - datetime.now(UTC)).total_seconds())
            timer = asyncio.get_running_loop().call_later(left_s, guest.over.set)
        self._guests.add(guest)
        try:
            yield guest
        finally:
            self._guests.discard(guest)
            if timer is not None:
                timer.cancel()

    async def holds(self, row: InvitationRow) -> bool:
        """Whether it is still good."""
        return await self._good(row.invitation_id) is not None

    async def _good(self, invitation_id: str) -> InvitationRow | None:
        row = await self._rows.get(invitation_id) if len(invitation_id) == _ID_LENGTH else None
        return None if row is None or (row.expires_at is not None and row.expires_at <= datetime.now(UTC)) else row

    async def _of(self, user: User, session_id: str) -> SessionRow:
        row = await self._sessions.get(session_id)
        if row is None or not (user.is_admin or row.user_name == user.name):
            raise NotFound("There is no such session")
        return row


def guest_name(wish: str) -> str:
    """What a guest is called: what can be printed of `wish`, in one line, and not too long. Pure."""
    printable = "".join(character if character.isprintable() else " " for character in wish)
    return " ".join(printable.split())[:_MOST_NAME].strip() or NAMELESS


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
