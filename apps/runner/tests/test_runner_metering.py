"""What is measured of sessions: once a second at most, and as a rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from dillinger_runner import metering
from dillinger_runner.backends.base import SeatHandle, Usage
from dillinger_runner.metering import Meter


@dataclass
class Counting:
    """A backend of which only the figures are there."""

    asked: list[str] = field(default_factory=list)
    cpu_s: float | None = 0.0

    async def usage(self, handle: SeatHandle) -> Usage:
        self.asked.append(handle.session_id)
        return Usage(datetime.now(UTC), self.cpu_s, 1 << 20, 3)


class Clock:
    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


async def test_however_many_ask_a_session_is_measured_once_a_second_and_as_a_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, backend = Clock(), Counting()
    monkeypatch.setattr(metering, "time", clock)
    meter = Meter(cast(Any, backend))
    assert (await meter.read("a")).cpu_cores is None, "nothing to compare with"
    assert (await meter.read("a")).usage.memory_bytes == 1 << 20
    await meter.read("b")
    assert backend.asked == ["a", "b"]
    clock.now_s, backend.cpu_s = 102.0, 3.0
    assert (await meter.read("a")).cpu_cores == 1.5
    clock.now_s, backend.cpu_s = 103.0, None
    assert (await meter.read("a")).cpu_cores is None, "gone"
