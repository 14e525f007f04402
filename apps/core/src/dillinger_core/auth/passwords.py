"""Hashes and checks passwords with argon2id, off the event loop and a few at a time.

One check takes 64 MiB and some 50 ms by design, so a flood of logins must not run them all at once.
"""

from __future__ import annotations

import asyncio
import secrets
from functools import cache

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from dillinger_contracts import Invalid

MIN_LENGTH = 10
MAX_LENGTH = 200
_AT_ONCE = 2
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters that look like others, since people copy it from a terminal."""


class Passwords:
    """The hasher; owned by the event loop, works in threads."""

    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """The argon2id hash of `password`."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def is_right(self, password: str, password_hash: str | None) -> bool:
        """Whether `password` is the hashed one; None (nobody of that name) takes as long and is never right."""
        async with self._turn:
            return await asyncio.to_thread(self._verify, password, password_hash)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        decoy = _decoy()
        try:
            return self._hasher.verify(password, password_hash or decoy) and password_hash is not None
        except UnknownHashError:
            return False


@cache
def _decoy() -> str:
    """What a password is compared with when there is nobody of that name."""
    return PasswordHash.recommended().hash(secrets.token_urlsafe(16))


def one_time_password() -> str:
    """A password for the first login: 80 bits, in groups that can be typed."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def check_new(new: str, *, old: str, name: str) -> None:
    """Raises `Invalid` when `new` won't do as the password of `name`."""
    if len(new) < MIN_LENGTH:
        raise Invalid(f"A password has at least {MIN_LENGTH} characters", field="new_password")
    if new == old:
        raise Invalid("The new password is the old one", field="new_password")
    if name.lower() in new.lower() and len(new) < len(name) + MIN_LENGTH:
        raise Invalid("The password is little more than the name", field="new_password")
