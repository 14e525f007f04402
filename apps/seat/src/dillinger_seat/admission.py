"""Who may open this session's stream: a ticket's signature, then its claims, then that it is used once."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import ValidationError

from dillinger_contracts.errors import Denied
from dillinger_contracts.tickets import ALGORITHM, TicketClaims, TicketGate


class Admission:
    """Admits tickets that are signed with the session's own key."""

    def __init__(self, session_id: str, ticket_key: str, *, clock: Callable[[], float] = time.time) -> None:
        """`ticket_key` is 32 bytes in base64url; `clock` gives Unix seconds."""
        self._key = OctKey.import_key(base64.urlsafe_b64decode(ticket_key + "=" * (-len(ticket_key) % 4)))
        self._gate = TicketGate(session_id)
        self._clock = clock

    def admit(self, ticket: str) -> TicketClaims:
        """The claims of `ticket`, used up; raises `Denied`."""
        try:
            token = jwt.decode(ticket, self._key, algorithms=[ALGORITHM])
            claims = TicketClaims.model_validate(token.claims)
        except (JoseError, ValidationError, ValueError, TypeError) as error:
            raise Denied("This is no ticket for this session", hint="Open the session from its page again") from error
        return self._gate.admit(claims, now_s=self._clock())
