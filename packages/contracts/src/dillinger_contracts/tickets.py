"""A ticket: a signed, short-lived right to open one stream once.

This module says what a ticket claims and when the claims hold; core signs, the seat verifies the signature.
Serialised it is a JWT (RFC 7519) with HS256 under the session's own `ticket_key`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .errors import Denied
from .floor import Rank
from .model import Model, SessionId, UserId

TICKET_LIFETIME_S = 60
ALGORITHM = "HS256"
_CLOCK_SKEW_S = 5


class TicketClaims(Model):
    """The JWT's payload."""

    jti: str = Field(min_length=16, max_length=64)
    """Unique per ticket; a seat lets each in once."""
    sub: UserId
    sid: SessionId
    role: Literal["player", "viewer"]
    """A viewer may only ever watch; a player may play, when it is their turn."""
    rank: Rank = "guest"
    name: str = Field(default="", max_length=40)
    """What the others see; empty: `sub`."""
    iat: int
    exp: int


class TicketGate:
    """Remembers the tickets that were used, so that a replayed one is refused. Time is an argument, in Unix seconds."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._used: dict[str, int] = {}

    def admit(self, claims: TicketClaims, *, now_s: float) -> TicketClaims:
        """`claims`, used up; raises `Denied` when they are foreign, expired, not valid yet or replayed."""
        self._used = {jti: exp for jti, exp in self._used.items() if exp + _CLOCK_SKEW_S > now_s}
        if claims.sid != self._session_id:
            raise Denied("This ticket is for another session", hint="Ask for a ticket of this session")
        if claims.exp - claims.iat > 10 * TICKET_LIFETIME_S:
            raise Denied("This ticket claims to live longer than a ticket may")
        if now_s >= claims.exp + _CLOCK_SKEW_S:
            raise Denied("This ticket has expired", hint="Ask for a new one; it is good for one minute")
        if now_s < claims.iat - _CLOCK_SKEW_S:
            raise Denied("This ticket is not valid yet", hint="Set the clocks of both machines")
        if claims.jti in self._used:
            raise Denied("This ticket was used before", hint="A ticket opens one stream once; ask for a new one")
        self._used[claims.jti] = claims.exp
        return claims
