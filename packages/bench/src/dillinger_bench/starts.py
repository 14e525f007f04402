"""`dillinger bench startup --backend … --warm`: cold starts and warm ones by turns, each in a Dillinger of its own.

By turns, since what else the machine does changes from minute to minute, and would count against whoever comes last.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from dillinger_contracts.errors import Unsupported

from .client import RunnerClient
from .house import House
from .launches import docker_settings
from .measure import Bench, Case, Effort, Start, Transport, figures_of
from .report import Cases
from .viewer import open_browser
from .waiting import wait_until

Backend = Literal["auto", "process", "docker"]

_WARM_TIMEOUT_S = 60.0


def settings_of(backend: Backend) -> dict[str, str]:
    """A runner's environment with this backend."""
    return docker_settings() if backend == "docker" else {"DILLINGER_RUNNER_BACKEND": backend}


def compare(
    cases: list[Case],
    effort: Effort,
    backend: Backend,
    web_dir: Path,
    transport: Transport,
    tell: Callable[[str], None],
) -> Cases:
    """Cold and warm figures of each case; raises Unsupported where no seat can wait."""
    pools = {"cold": "0", "warm": "1"}
    found: Cases = {}
    with ExitStack() as stack:
        browser: Browser = stack.enter_context(open_browser())
        benches: dict[str, tuple[Bench, RunnerClient]] = {}
        for kind, size in pools.items():
            settings = settings_of(backend) | {"DILLINGER_RUNNER_POOL_SIZE": size}
            house = stack.enter_context(House(web_dir=web_dir, settings=settings))
            bench = Bench(house.target, browser, effort, transport=transport, tell=tell)
            stack.callback(bench.close)
            benches[kind] = bench, stack.enter_context(house.runner_client())
        for case in cases:
            starts: dict[str, list[Start]] = {kind: [] for kind in benches}
            for number in range(effort.starts):
                for kind, (bench, runner) in benches.items():
                    _await_pool(runner)
                    tell(f"{case.name}, {kind}: start {number + 1} of {effort.starts}")
                    starts[kind].append(bench.start(case))
            found |= {f"{case.name} {kind}": figures_of(those) for kind, those in starts.items()}
    return found


def _await_pool(runner: RunnerClient) -> None:
    """Returns when as many seats wait as shall."""

    def is_full() -> bool:
        pool = runner.call("GET", "/pool")
        if pool["problem"] and not pool["seats"]:
            raise Unsupported(f"No seat waits: {pool['problem']}")
        ready: int = sum(seat["state"] == "warm" for seat in pool["seats"])
        return ready >= int(pool["size"])

    wait_until(is_full, _WARM_TIMEOUT_S, "a seat that waits")
