"""Waiting for a fact instead of sleeping: polls, with a deadline and a sentence for when it passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from dillinger_contracts.errors import Unavailable

T = TypeVar("T")

_POLL_S = 0.02


def wait_until(look: Callable[[], T | None], timeout_s: float, what: str) -> T:
    """What `look` returns once it is neither None nor False; raises `Unavailable` when the time is up."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise Unavailable(f"{what}: not within {timeout_s:g} s")
        time.sleep(_POLL_S)
