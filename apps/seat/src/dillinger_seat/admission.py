"""Who may open this session's stream: a ticket's signature, then its claims, then that it is used once.

A signature is checked here by a dozen lines over the standard library: a JWT library that knows every algorithm takes
35 ms of each session's start and 9 MB of its memory, and here there is one algorithm.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable

from pydantic import ValidationError

from dillinger_contracts.errors import Denied
from dillinger_contracts.tickets import ALGORITHM, TicketClaims, TicketGate


class Admission:
    """Admits tickets that are signed with the session's own key."""

    def __init__(self, session_id: str, ticket_key: str, *, clock: Callable[[], float] = time.time) -> None:
        """`ticket_key` is 32 bytes in base64url; `clock` gives Unix seconds."""
        self._key = _decoded(ticket_key.encode())
        self._gate = TicketGate(session_id)
        self._clock = clock

    def admit(self, ticket: str) -> TicketClaims:
        """The claims of `ticket`, used up; raises `Denied`."""
        try:
            claims = TicketClaims.model_validate_json(verified(ticket, self._key))
        except (ValidationError, ValueError) as error:
            raise Denied("This is no ticket for this session", hint="Open the session from its page again") from error
        return self._gate.admit(claims, now_s=self._clock())


def verified(ticket: str, key: bytes) -> bytes:
    """The payload of a compact JWS (RFC 7515) that `key` signed with HS256; raises ValueError for anything else."""
    signed, _, signature = ticket.encode("ascii").rpartition(b".")
    if not hmac.compare_digest(hmac.digest(key, signed, "sha256"), _decoded(signature)):
        raise ValueError("The signature is wrong")
    head, _, payload = signed.partition(b".")
    header = json.loads(_decoded(head))
    if not isinstance(header, dict) or header.get("alg") != ALGORITHM or "crit" in header:
        raise ValueError("The signature is of another kind")
    return _decoded(payload)


def _decoded(text: bytes) -> bytes:
    """Base64url as RFC 7515 has it, without padding: one text for each value, and ValueError for every other."""
    value = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(value).rstrip(b"=") != text:
        raise ValueError("This is no base64url")
    return value
