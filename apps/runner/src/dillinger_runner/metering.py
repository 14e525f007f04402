"""What sessions use, measured at most once a second however many ask, and as a rate where a sum tells little.

Nothing is measured while nobody asks. On the runner's loop; the backend reads the figures.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from .backends.base import Backend, SeatHandle, Usage

FRESH_S = 0.9
"""Who asks once a second gets a new figure each time."""
_FORGOTTEN_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement."""

    usage: Usage
    taken_s: float
    """Monotonic."""
    cpu_cores: float | None = None
    """Processor cores in use, on the average since the measurement before; None where there is none."""


class Meter:
    """The newest measurement of each session."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._samples: dict[str, Sample] = {}

    async def read(self, session_id: str) -> Sample:
        """What the session uses; all None for one that is gone."""
        before = self._samples.get(session_id)
        if before is not None and time.monotonic() - before.taken_s < FRESH_S:
            return before
        usage = await self._backend.usage(SeatHandle(session_id))
        sample = _after(before, usage, time.monotonic())
        self._samples[session_id] = sample
        self._forget(sample.taken_s)
        return sample

    def _forget(self, now_s: float) -> None:
        old = [session_id for session_id, sample in self._samples.items() if now_s - sample.taken_s > _FORGOTTEN_S]
        for session_id in old:
            del self._samples[session_id]


def _after(before: Sample | None, usage: Usage, now_s: float) -> Sample:
    if before is None or before.usage.cpu_s is None or usage.cpu_s is None:
        return Sample(usage, now_s)
    spent_s = max(0.0, usage.cpu_s - before.usage.cpu_s)
    return Sample(usage, now_s, round(spent_s / max(now_s - before.taken_s, 1e-3), 3))
