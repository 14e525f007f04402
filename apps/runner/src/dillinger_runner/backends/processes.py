"""What the process backend asks of the machine's processes: environments, trees, figures. Blocking, for threads."""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import psutil

from .base import Usage
from .identity import Identity, is_alive

_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|PYTHON.*|VIRTUAL_ENV|XDG_RUNTIME_DIR|SSL_CERT_.*|DILLINGER_SEAT_.*"
)


def seat_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a seat inherits; the runner's keys and everything else unknown stay here."""
    return {name: value for name, value in environment.items() if _PASSED.fullmatch(name)}


def read_until_closed(descriptor: int, *, timeout_s: float, limit_bytes: int = 4096) -> bytes:
    """What is written to the pipe until all its writers are gone, or the time is up."""
    deadline_s = time.monotonic() + timeout_s
    said = b""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while len(said) < limit_bytes and poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000):
        chunk = os.read(descriptor, limit_bytes)
        if not chunk:
            break
        said += chunk
    return said


def is_session_folder(path: Path, pattern: str) -> bool:
    """Whether this entry of the runtime folder is a session's."""
    return re.fullmatch(pattern, path.name) is not None and path.is_dir() and not path.is_symlink()


def tree_of(identity: Identity) -> dict[int, psutil.Process]:
    """The process, all below it, and all of its session (setsid(2)), as far as they can be seen now."""
    found: dict[int, psutil.Process] = {}
    if is_alive(identity):
        try:
            root = psutil.Process(identity.pid)
            found = {process.pid: process for process in (root, *root.children(recursive=True))}
        except psutil.NoSuchProcess:
            pass
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == identity.pid and pid not in found:
                found[pid] = psutil.Process(pid)
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    return found


def kill_all(processes: Mapping[int, psutil.Process], *, timeout_s: float = 5.0) -> None:
    """SIGKILL to each that is still the process that was seen, and waits until they are dead.

    By pidfd, which tells of a death at once; whoever inherited the orphan may reap it late.
    """
    deadline_s = time.monotonic() + timeout_s
    for process in processes.values():
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            if process.is_running():  # psutil compares start times
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000)
        except (ProcessLookupError, PermissionError):
            continue
        finally:
            os.close(descriptor)


def measure(tree: Mapping[int, psutil.Process], measured_at: datetime) -> Usage:
    """Sums over a seat's process tree."""
    cpu_s = 0.0
    memory_bytes = 0
    count = 0
    for process in tree.values():
        try:
            with process.oneshot():
                times = process.cpu_times()
                memory_bytes += process.memory_info().rss
            cpu_s += times.user + times.system
            count += 1
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return Usage(measured_at, cpu_s, memory_bytes, count)
