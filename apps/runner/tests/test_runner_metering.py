"""What is measured of sessions: once a second at most, and as a rate."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import psutil
import pytest

from dillinger_runner import metering
from dillinger_runner.backends.base import SeatHandle, Usage
from dillinger_runner.backends.cell_network import NetworkMeter, carried_bytes
from dillinger_runner.backends.gpu_meter import GpuMeter, Share, by_process, share_of
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


def test_what_a_session_uses_of_a_card_is_the_sum_of_its_processes() -> None:
    by_pid = by_process([(7, 30), (7, 50), (8, 10)], [(7, 100), (7, 100), (9, None), (10, 5)])
    assert by_pid == {7: Share(0.4, 100), 8: Share(0.1, 0), 9: Share(0.0, 0), 10: Share(0.0, 5)}
    assert share_of({7, 8, 11}, by_pid) == Share(0.5, 100)
    assert share_of(set(), by_pid) == Share(0.0, 0)


async def test_without_a_card_nothing_is_said_of_it_and_why_is_known() -> None:
    meter, usage = GpuMeter(), Usage(datetime.now(UTC))
    found = await meter.finding()
    if found.ok:
        pytest.skip("a graphics card is here, which no test has tried")
    assert "no graphics card is measured: " in found.detail and not found.is_needed
    assert await meter.onto(usage, lambda: [1]) is usage


DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo: 500 5 0 0 0 0 0 0 500 5 0 0 0 0 0 0
  tap0:1000 9 0 0 0 0 0 0 20 2 0 0 0 0 0 0
  eth0: 7 1 0 0 0 0 0 0 3 1 0 0 0 0 0 0
"""


def test_what_went_over_the_loopback_went_over_no_network() -> None:
    assert carried_bytes(DEV) == 1030


def test_a_cell_s_own_network_is_told_from_the_machine_s() -> None:
    meter, usage = NetworkMeter(), Usage(datetime.now(UTC))
    sandbox = ("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "sh", "-c", "echo; exec sleep 60")
    with subprocess.Popen(sandbox, stdout=subprocess.PIPE) as outer:
        assert outer.stdout is not None and outer.stdout.readline()
        inside = psutil.Process(outer.pid).children(recursive=True)
        pids = [process.pid for process in inside]
        assert meter.onto(usage, "a", lambda: [os.getpid(), outer.pid]) is usage, "they are in the machine's"
        assert meter.onto(usage, "a", lambda: [os.getpid(), outer.pid, *pids]).network_bytes == 0, "it leads nowhere"
        assert meter.onto(usage, "a", list).network_bytes == 0, "asked of the process that was found"
        outer.kill()
        outer.wait()
        psutil.wait_procs(inside, timeout=30)
    assert meter.onto(usage, "a", list) is usage, "it is gone"
