"""Signs tickets: the short-lived right to open one stream once, which the session's seat checks.

Each session has a key of its own, derived from one secret of core's, so that a seat that leaks its key opens nothing
but itself, and core needs no table of keys after a restart.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import ValidationError

from dillinger_contracts import Denied
from dillinger_contracts.floor import Rank
from dillinger_contracts.tickets import ALGORITHM, TICKET_LIFETIME_S, TicketClaims


def session_key(secret: bytes, session_id: str) -> str:
    """The ticket key of one session: 32 bytes as base64url without padding (HMAC-SHA256, RFC 2104)."""
    derived = hmac.new(secret, b"dillinger.ticket." + session_id.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(derived).rstrip(b"=").decode()


def key_bytes(ticket_key: str) -> bytes:
    """The raw key behind the text that `session_key` makes."""
    return base64.urlsafe_b64decode(ticket_key + "=" * (-len(ticket_key) % 4))


def sign_ticket(
    secret: bytes, *, session_id: str, user_id: str, role: Literal["player", "viewer"], now: datetime,
    rank: Rank = "guest", name: str = "",
) -> tuple[str, datetime]:  # fmt: skip
    """A ticket for `session_id` in `role`, and when it expires; `name` is what the others see."""
    issued_at = int(now.timestamp())
    claims = TicketClaims(
        jti=secrets.token_urlsafe(16),
        sub=user_id,
        sid=session_id,
        role=role,
        rank=rank,
        name=name,
        iat=issued_at,
        exp=issued_at + TICKET_LIFETIME_S,
    )
    key = OctKey.import_key(key_bytes(session_key(secret, session_id)))
    ticket = jwt.encode({"alg": ALGORITHM}, claims.model_dump(), key, algorithms=[ALGORITHM])
    return ticket, datetime.fromtimestamp(claims.exp, UTC)


def check_ticket(secret: bytes, ticket: str, *, session_id: str, now: datetime) -> TicketClaims:
    """The claims of a ticket that core signed for this session, lately; raises `Denied`.

    That it is used for the first time is the seat's to know.
    """
    key = OctKey.import_key(key_bytes(session_key(secret, session_id)))
    try:
        claims = TicketClaims.model_validate(jwt.decode(ticket, key, algorithms=[ALGORITHM]).claims)
    except (JoseError, ValidationError, ValueError, TypeError) as error:
        raise Denied(
            "This is no ticket for this session", hint="POST /api/v1/sessions/{id}/tickets gives one"
        ) from error
    if claims.sid != session_id or now.timestamp() >= claims.exp:
        raise Denied("This ticket has expired", hint="Ask for a new one; it is good for one minute")
    return claims
