"""Whose processes are whose, and what a process that works costs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from dillinger_bench.metering import Process, cpu_s, listener_pid, meter, pss_bytes, seat_pid, split
from dillinger_contracts.errors import Unavailable

FAMILY = [
    Process(1, 0, "init"),
    Process(10, 1, "python -m dillinger_seat --dir /s/abc"),
    Process(11, 10, "bwrap --args 5 -- python init.py"),
    Process(12, 11, "/usr/bin/python3 -I init.py"),
    Process(13, 12, "Xvfb :0"),
    Process(14, 12, "/usr/bin/python3 -I testcard.py --mode idle"),
    Process(15, 14, "pacat --playback"),
    Process(16, 12, "pulseaudio"),
    Process(20, 1, "python -m dillinger_seat --dir /s/other"),
    Process(21, 20, "/usr/bin/python3 -I testcard.py"),
]


def test_the_game_and_what_it_started_is_not_ours() -> None:
    family = split(FAMILY, 10)
    assert family.ours == {10, 11, 12, 13, 16}
    assert family.game == {14, 15}


def test_a_seat_that_is_gone_has_no_family() -> None:
    assert not split(FAMILY, 999).ours
    with pytest.raises(Unavailable):
        seat_pid("no-such-session-anywhere")


def test_work_is_seen_and_rest_is_not() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    idle = subprocess.Popen(["sleep", "60"])

    def pause(duration_s: float) -> None:
        """So long, and until the work has had its share of a machine that is busy otherwise too."""
        ends_s, before_s = time.monotonic() + duration_s, cpu_s([busy.pid])[busy.pid]
        while time.monotonic() < ends_s or cpu_s([busy.pid])[busy.pid] < before_s + duration_s:
            time.sleep(0.05)

    try:
        used = meter({"busy": [busy.pid], "idle": [idle.pid]}, 0.5, pause)
    finally:
        for process in (busy, idle):
            process.kill()
            process.wait()
    assert used["busy"] > 10 * used["idle"] and used["idle"] < 5
    assert cpu_s([busy.pid]) == {} and pss_bytes([busy.pid]) == 0


def test_memory_of_this_process_is_some() -> None:
    assert pss_bytes([os.getpid()]) > 1_000_000


def test_a_listener_is_found_by_its_port() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert listener_pid(listener.getsockname()[1]) == os.getpid()
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match=str(port)):
        listener_pid(port)
