"""`dillinger dev` with the real core and runner: what changed is started again, and all end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import psutil

from dillinger_bench.ports import free_port

DEADLINE_S = 60.0
SCRIPT = """
import asyncio, sys
from pathlib import Path
from rich.console import Console
from dillinger import dev
from dillinger.apps import Overrides, make_plan
from dillinger.tree import Tree

root = Path(sys.argv[1])
https, http, runner = map(int, sys.argv[2:])
places = {"state_dir": root / "state", "runtime_dir": root / "run"}
plan = make_plan(Overrides(host="127.0.0.1", port=https, http_port=http, runner_port=runner, **places), None)
asyncio.run(dev.run(plan, Tree(root / "tree"), ("runner", "core"), Console()))
"""


def test_what_changes_is_started_again_and_nothing_else() -> None:
    ports = [free_port() for _ in range(3)]
    with tempfile.TemporaryDirectory(prefix="dl-dev-", ignore_cleanup_errors=True) as folder:
        tree, out = Path(folder, "tree"), Path(folder, "out")
        sources = {name: tree / name / "src" for name in ("apps/core", "apps/runner", "packages/contracts")}
        for source in sources.values():
            source.mkdir(parents=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DILLINGER_")}
        with out.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, folder, *map(str, ports)],
                env=inherited, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip
        try:

            def until(fact: Callable[[], bool], what: str) -> None:
                ends = time.monotonic() + DEADLINE_S
                while not fact():
                    assert time.monotonic() < ends and process.poll() is None, f"not {what}:\n{out.read_text()}"
                    time.sleep(0.05)

            def pids() -> dict[str, int]:
                return {app: pid_of(process.pid, app) for app in ("core", "runner")}

            def is_new(app: str, before: dict[str, int]) -> bool:
                return pids()[app] not in (0, before[app]) and answers(ports)

            until(lambda: answers(ports), "up")
            first = pids()
            (sources["apps/core"] / "change.py").write_text("")
            until(lambda: is_new("core", first), "a new core")
            second = pids()
            assert second["runner"] == first["runner"] and "core: its source changed" in out.read_text()
            (sources["packages/contracts"] / "change.py").write_text("")
            until(lambda: is_new("core", second) and is_new("runner", second), "both new, for what both stand on")
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()
            process.wait()
        assert not answers(ports)


def answers(ports: list[int]) -> bool:
    """Whether core and runner both serve."""
    with contextlib.suppress(httpx2.HTTPError):
        urls = (f"http://127.0.0.1:{ports[1]}/api/v1/health", f"http://127.0.0.1:{ports[2]}/health")
        return all(httpx2.get(url, trust_env=False, timeout=5).is_success for url in urls)
    return False


def pid_of(parent: int, app: str) -> int:
    """The present process of an app; 0 while there is none."""
    for child in psutil.Process(parent).children():
        with contextlib.suppress(psutil.Error):
            if f"dillinger_{app}" in child.cmdline():
                return child.pid
    return 0
