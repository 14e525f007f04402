"""`dillinger up`: runs runner and core until a signal comes, then ends everything that it started, seats included.

It stays in the foreground and owns the order: settings and ports are looked at first, then both apps are started, then
the address is printed; at the end the runner ends its sessions, then itself, then core ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator

import httpx2
from rich.console import Console

from dillinger_contracts.errors import DillingerError, Unavailable

from .apps import Plan
from .banner import show
from .loglines import LogLines
from .ports import ensure_free
from .supervisor import Child, wait_healthy

START_DEADLINE_S = 45.0
"""For both apps to answer, from their start on; a slow disk at first start is in it."""
SHUTDOWN_DEADLINE_S = 25.0
"""For the runner to end all sessions: its own graces, and some."""


async def run(plan: Plan, *, log_level: str, console: Console, errors: Console) -> None:
    """Runs until SIGINT or SIGTERM; raises a `DillingerError` where it can't start."""
    begun = time.monotonic()
    ensure_free(plan.listeners)
    lines = LogLines(log_level, is_for_people=sys.stderr.isatty())
    runner, core = (Child(app, lines.write, lambda text: errors.print(text, style="yellow")) for app in plan.apps)
    failure: BaseException | None = None
    with on_signals() as asked:
        try:
            async with asyncio.TaskGroup() as group:
                keepers = [group.create_task(child.keep()) for child in (runner, core)]
                if await _is_healthy_before(asked, (runner, core)):
                    show(plan, console, time.monotonic() - begun)
                    notify_systemd("READY=1")
                    await asked.wait()
                notify_systemd("STOPPING=1")
                console.print("Ending …", style="dim")
                await _end(plan, runner, core)
                await asyncio.wait(keepers)
        except* DillingerError as failures:
            failure = failures.exceptions[0]
    if failure is not None:
        raise failure
    console.print("Ended.", style="dim")


async def _is_healthy_before(asked: asyncio.Event, children: tuple[Child, ...]) -> bool:
    """True when all answer, False when we were asked to end meanwhile; raises `Unavailable` after the deadline."""
    waits = [asyncio.ensure_future(wait_healthy(child.app.health_url)) for child in children]
    ending = asyncio.ensure_future(_set(asked))
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            while not asked.is_set() and not all(wait.done() for wait in waits):
                pending = {task for task in (*waits, ending) if not task.done()}
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            return not asked.is_set()
    except TimeoutError:
        silent = ", ".join(child.app.name for child, wait in zip(children, waits, strict=True) if not wait.done())
        raise Unavailable(
            f"No answer from {silent} after {START_DEADLINE_S:g} s",
            hint="./dillinger doctor looks for what is wrong; --log-level debug shows more",
        ) from None
    finally:
        for task in (*waits, ending):
            task.cancel()


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _end(plan: Plan, runner: Child, core: Child) -> None:
    """Sessions first, while core still tells the browsers how they ended; then both apps at once."""
    if runner.is_running and await _ask_runner_to_end(plan):
        async with asyncio.TaskGroup() as group:
            ending = group.create_task(runner.end(grace_s=SHUTDOWN_DEADLINE_S, ask=None))
            await _until_silent(plan, runner)
            await core.end(grace_s=10)
        if ending.result():
            return
    else:
        await runner.end(grace_s=5)
    await _stop_sessions_without_runner()
    await core.end(grace_s=10)


async def _until_silent(plan: Plan, runner: Child) -> None:
    """Returns when the runner stops listening: its sessions have ended by then."""
    async with httpx2.AsyncClient(timeout=SHUTDOWN_DEADLINE_S, trust_env=False) as client:
        with contextlib.suppress(httpx2.HTTPError):
            while runner.is_running:
                await client.get(f"{plan.runner_url}/health")
                await asyncio.sleep(0.05)


async def _ask_runner_to_end(plan: Plan) -> bool:
    """Whether the runner took the request to end all sessions and itself."""
    try:
        headers = {"Authorization": f"Bearer {_runner_key(plan)}"}
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
            answer = await client.post(f"{plan.runner_url}/shutdown", json={"stopSessions": True}, headers=headers)
    except (OSError, httpx2.HTTPError):
        return False
    return answer.status_code == httpx2.codes.ACCEPTED


def _runner_key(plan: Plan) -> str:
    if plan.runner.api_keys is not None:
        return plan.runner.api_keys.get_secret_value().split(",")[0].strip()
    lines = plan.runner.keys_path.read_text("utf-8").splitlines()
    return next((line.split()[0] for line in lines if line.strip() and not line.startswith("#")), "")


async def _stop_sessions_without_runner() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dillinger_runner", "stop-all", stdin=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(SHUTDOWN_DEADLINE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@contextlib.contextmanager
def on_signals() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set, as often as they come."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, asked.set)
    try:
        yield asked
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def notify_systemd(state: str) -> None:
    """Tells a systemd that started us as Type=notify; nothing where there is none (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link, contextlib.suppress(OSError):
        link.connect("\0" + address[1:] if address.startswith("@") else address)
        link.sendall(state.encode())
