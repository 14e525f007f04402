"""No runner at all: core starts one when somebody plays, and leaves it running when core itself ends."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import httpx2

from dillinger_bench.house import House
from dillinger_bench.waiting import wait_until


def test_play_starts_the_runner_which_outlives_core(pages: Path) -> None:
    settings = {
        "DILLINGER_CORE_RUNNER_COMMAND": f"{sys.executable} -m dillinger_runner serve",
        "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": "",
    }
    with House(web_dir=pages, settings=settings) as house:
        house.stop("runner")
        try:
            with house.client() as core:
                session_id = core.play("testcard-light")["session_id"]
                core.wait_state(session_id, {"ready"})
            house.stop("core")
            with house.runner_client() as runner:
                assert [view["state"] for view in runner.call("GET", "/sessions")["sessions"]] == ["ready"]
        finally:
            with house.runner_client() as runner, contextlib.suppress(httpx2.HTTPError):
                runner.http.post("/shutdown", json={"stopSessions": True})
            wait_until(lambda: not answers(house), 30, "the end of the runner")


def answers(house: House) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(f"{house.runner_url}/health", timeout=2).is_success
    return False
