"""What our processes cost: CPU time and memory of a seat, of its cell without the game, and of core.

Reads /proc from outside. `split` is pure; the rest asks psutil and may find that a process is gone, which counts as
nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from dillinger_contracts.errors import Unavailable

GAME_MARK = "testcard.py"
"""Part of the command line of the game; what it started is the game too."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as far as it matters here."""

    pid: int
    parent_pid: int
    command: str


@dataclass(frozen=True, slots=True)
class Split:
    """Process ids of a session."""

    ours: frozenset[int]
    game: frozenset[int]


def split(processes: Iterable[Process], seat_pid: int) -> Split:
    """The seat's family tree, divided into the game's processes and ours."""
    children: dict[int, list[Process]] = {}
    by_pid = {process.pid: process for process in processes}
    for process in by_pid.values():
        children.setdefault(process.parent_pid, []).append(process)
    ours: set[int] = set()
    game: set[int] = set()

    def walk(process: Process, *, is_game: bool) -> None:
        # The sandbox's command line names the game as well: the game is the last of that chain.
        is_launcher = "bwrap" in process.command.split(" ")[0]
        belongs = is_game or (GAME_MARK in process.command and not is_launcher)
        (game if belongs else ours).add(process.pid)
        for child in children.get(process.pid, []):
            walk(child, is_game=belongs)

    if seat_pid in by_pid:
        walk(by_pid[seat_pid], is_game=False)
    return Split(frozenset(ours), frozenset(game))


def processes() -> list[Process]:
    """All processes of this machine that can be seen."""
    found = []
    for process in psutil.process_iter(["pid", "ppid", "cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        found.append(Process(process.info["pid"], process.info["ppid"], command))
    return found


def seat_pid(session_id: str) -> int:
    """The process that is this session's seat; raises `Unavailable` when there is none."""
    for process in processes():
        words = process.command.split(" ")
        if "--dir" in words and words[words.index("--dir") + 1].endswith(session_id) and "bwrap" not in words[0]:
            return process.pid
    raise Unavailable(f"No seat of session {session_id} runs here")


def listener_pid(port: int) -> int:
    """The process that listens on this TCP port; raises `Unavailable` when none does, or none that may be seen."""
    for socket in psutil.net_connections("tcp"):
        if socket.status == psutil.CONN_LISTEN and socket.laddr and socket.laddr.port == port and socket.pid:
            return int(socket.pid)
    raise Unavailable(f"No process that can be seen listens on port {port}")


def cpu_s(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds that each process has used so far; a process that is gone is missing."""
    used = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            used[pid] = times.user + times.system
    return used


def pss_bytes(pids: Iterable[int]) -> int:
    """Proportional set size of all of them (proc(5), smaps_rollup)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def meter(groups: Mapping[str, Iterable[int]], duration_s: float, pause: Callable[[float], None]) -> dict[str, float]:
    """Per cent of a core that each group of processes uses in `duration_s`, which `pause` lets pass."""
    pids = {name: frozenset(group) for name, group in groups.items()}
    before = {name: cpu_s(group) for name, group in pids.items()}
    began = time.monotonic()
    pause(duration_s)
    took_s = time.monotonic() - began
    after = {name: cpu_s(group) for name, group in pids.items()}
    return {
        name: 100 * sum(used - before[name].get(pid, 0.0) for pid, used in after[name].items()) / took_s
        for name in pids
    }
