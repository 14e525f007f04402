"""One-time tokens of seats. Only digests are kept; a seat gets its next token when it uses one.

The token that was used last stays good until its successor is used, so that a crash on either side between handing
the next one over and storing it locks nobody out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence


def new_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token. Plain SHA-256 will do: nobody guesses 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_good(token: str, digests: Sequence[str]) -> bool:
    """Whether the token is among these, in a time that does not depend on which."""
    wanted = digest(token)
    matches = [hmac.compare_digest(wanted, known) for known in digests]
    return any(matches)


def succeed(used: str, successor: str) -> list[str]:
    """The digests that are good from now on."""
    return [digest(used), digest(successor)]
