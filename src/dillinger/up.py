"""`dillinger up`: runs runner and core until a signal comes, then ends everything that it started, seats included.

It stays in the foreground and owns the order: settings and ports are looked at first, then both apps are started, then
the address is printed; at the end the runner ends its sessions, then itself, then core ends. Games are asked to end and
given time for it; a second signal takes that time away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
PATIENCE_S = 1.0
"""After so long the person at the terminal is told who is waited for."""


async def run(plan: Plan, *, log_level: str, console: Console, errors: Console) -> None:
    """Runs until SIGINT or SIGTERM; raises a `DillingerError` where it can't start."""
    begun = time.monotonic()
    ensure_free(plan.listeners)
    lines = LogLines(log_level, is_for_people=sys.stderr.isatty())
    runner, core = (Child(app, lines.write, lambda text: errors.print(text, style="yellow")) for app in plan.apps)
    failure: BaseException | None = None
    with on_signals() as wishes:
        try:
            async with asyncio.TaskGroup() as group:
                keepers = [group.create_task(child.keep()) for child in (runner, core)]
                if await _is_healthy_before(wishes.end, (runner, core)):
                    show(plan, console, time.monotonic() - begun)
                    notify_systemd("READY=1")
                    await wishes.end.wait()
                notify_systemd("STOPPING=1")
                console.print("Ending …", style="dim")
                await _Ending(plan, runner, core, wishes.hurry, console).run()
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


@dataclass(frozen=True, slots=True)
class _Ending:
    """The end of all: sessions first, while core still tells the browsers how they ended; then both apps at once."""

    plan: Plan
    runner: Child
    core: Child
    hurry: asyncio.Event
    console: Console

    async def run(self) -> None:
        """Returns when nothing of it runs."""
        if self.runner.is_running and await self._ask_runner_to_end():
            async with asyncio.TaskGroup() as group:
                ending = group.create_task(self.runner.end(grace_s=SHUTDOWN_DEADLINE_S, ask=None))
                helpers = [
                    group.create_task(self._tell_who_is_waited_for()),
                    group.create_task(self._kill_in_a_hurry()),
                ]
                await self._until_silent()
                for helper in helpers:
                    helper.cancel()
                await self.core.end(grace_s=10)
            if ending.result() and not self.hurry.is_set():
                return
        else:
            await self.runner.end(grace_s=5)
        await _stop_sessions_without_runner(is_now=self.hurry.is_set())
        await self.core.end(grace_s=10)

    async def _tell_who_is_waited_for(self) -> None:
        await asyncio.sleep(PATIENCE_S)
        if titles := await self._live_titles():
            self.console.print(f"Waiting for {', '.join(titles)} to end; Ctrl-C again does not wait.", style="dim")

    async def _kill_in_a_hurry(self) -> None:
        await self.hurry.wait()
        self.console.print("Ending at once …", style="dim")
        self.runner.kill()

    async def _live_titles(self) -> list[str]:
        """The games that still run, by title."""
        try:
            async with self._client() as client:
                sessions = (await client.get("/sessions")).json()["sessions"]
            live = [str(session["gameId"]) for session in sessions if session["state"] != "ended"]
        except (OSError, ValueError, LookupError, TypeError, httpx2.HTTPError):
            return []
        return sorted(title_of(self.plan.core.library, game_id) for game_id in live)

    async def _until_silent(self) -> None:
        """Returns when the runner stops listening: its sessions have ended by then."""
        with contextlib.suppress(OSError, httpx2.HTTPError):
            async with self._client() as client:
                while self.runner.is_running:
                    await client.get("/health")
                    await asyncio.sleep(0.05)

    async def _ask_runner_to_end(self) -> bool:
        """Whether the runner took the request to end all sessions and itself."""
        try:
            async with self._client() as client:
                answer = await client.post("/shutdown", json={"stopSessions": True}, timeout=5)
        except (OSError, httpx2.HTTPError):
            return False
        return answer.status_code == httpx2.codes.ACCEPTED

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self.plan.runner_url,
            headers={"Authorization": f"Bearer {runner_key(self.plan)}"},
            timeout=SHUTDOWN_DEADLINE_S,
            trust_env=False,
        )


def title_of(library: Path, game_id: str) -> str:
    """What a game is called; its id where its file does not say."""
    try:
        title = tomllib.loads((library / game_id / "game.toml").read_text("utf-8"))["title"]
    except (OSError, ValueError, KeyError):
        return game_id
    return title if isinstance(title, str) else game_id


def runner_key(plan: Plan) -> str:
    """What opens the runner's API; empty where there is none."""
    if plan.runner.api_keys is not None:
        return plan.runner.api_keys.get_secret_value().split(",")[0].strip()
    lines = plan.runner.keys_path.read_text("utf-8").splitlines()
    return next((line.split()[0] for line in lines if line.strip() and not line.startswith("#")), "")


async def _stop_sessions_without_runner(*, is_now: bool) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dillinger_runner", "stop-all", *(("--now",) if is_now else ()),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SHUTDOWN_DEADLINE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person at the terminal wants, by signals."""

    end: asyncio.Event
    hurry: asyncio.Event
    """Set by the second signal."""


@contextlib.contextmanager
def on_signals() -> Iterator[Wishes]:
    """SIGINT and SIGTERM as wishes, while the block lasts."""
    wishes = Wishes(asyncio.Event(), asyncio.Event())
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def asked() -> None:
        (wishes.hurry if wishes.end.is_set() else wishes.end).set()

    for number in numbers:
        loop.add_signal_handler(number, asked)
    try:
        yield wishes
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
