"""How many cases the tests try that throw anything at what reads messages: few, many with `./dillinger test --full`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FULL = "DILLINGER_FULL_TESTS"
"""Set by the full run."""
MANY = 10_000


def fuzz(few: int) -> settings:
    """The same `few` cases every time; others each time, and 10,000 of them, in the full run."""
    is_full = FULL in os.environ
    return settings(
        max_examples=MANY if is_full else few,
        derandomize=not is_full,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
