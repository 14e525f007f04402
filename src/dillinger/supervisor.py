"""Keeps apps running: starts them, tells when they are healthy, starts one again that died, ends them.

Runs in `up`'s event loop. It owns the processes that it started and nothing below them: seats belong to the runner.
Each child is a process group of its own, so that a Ctrl-C in the terminal reaches us alone and we choose the order;
should we be killed, the kernel sends each child a SIGTERM (`setpriv --pdeathsig`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx2

from dillinger_contracts.errors import Unavailable

from .apps import App

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
STEADY_S = 60.0
"""Who ran this long has earned a quick restart again."""
HEALTH_INTERVAL_S = 0.03


def next_delay(delay_s: float, ran_s: float) -> float:
    """How long to wait before the next start, after one that ran `ran_s` and was waited for `delay_s`."""
    return FIRST_DELAY_S if ran_s >= STEADY_S else min(LONGEST_DELAY_S, delay_s * 2)


@dataclass(slots=True)
class Child:
    """One app that is kept running."""

    app: App
    on_line: Callable[[str, str], None]
    """Takes each line of its output: the app's name, the line."""
    say: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _is_restarting: bool = False

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.returncode is None

    async def keep(self) -> None:
        """Starts it and, whenever it ends unasked, starts it again; returns when it ended as it was asked to.

        Raises `Unavailable` when it ends before it was ever healthy: a second try would end the same way.
        """
        delay_s, was_healthy = FIRST_DELAY_S / 2, False
        while not self._ending.is_set():
            begun = time.monotonic()
            code, healthy = await self._run_once()
            was_healthy |= healthy
            if self._ending.is_set():
                return
            if self._is_restarting:
                self._is_restarting, was_healthy = False, True
                continue
            if not was_healthy:
                raise Unavailable(
                    f"{self.app.name} did not start ({describe_end(code)})",
                    hint="What it said stands above; ./dillinger doctor looks for what is wrong",
                )
            delay_s = next_delay(delay_s, time.monotonic() - begun)
            self.say(f"{self.app.name} ended by itself ({describe_end(code)}); starting it again in {delay_s:g} s")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._ending.wait()

    async def _run_once(self) -> tuple[int, bool]:
        """Its exit code, and whether it was healthy in between."""
        process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "TERM", *self.app.command,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **self.environment}, process_group=0, limit=1 << 20,
        )  # fmt: skip
        self.process = process
        if self._ending.is_set():  # asked between two starts
            process.terminate()
        try:
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(process))
                health = group.create_task(wait_healthy(self.app.health_url))
                code = await process.wait()
                is_healthy = health.done()
                health.cancel()
                # A grandchild may hold the pipe open: what came until now is enough.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await asyncio.wait({reader})
                reader.cancel()
            return code, is_healthy
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than the limit; the stream goes on after it
                continue
            if not line:
                return
            self.on_line(self.app.name, line.decode("utf-8", "replace").rstrip("\n"))

    def restart(self) -> None:
        """Asks it to end; `keep` starts it again at once, as for one that had run long."""
        if self.process is not None and self.is_running:
            self._is_restarting = True
            self.process.terminate()

    def kill(self) -> None:
        """Ends it at once; whoever waits in `end` hears of it."""
        if self.process is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def end(self, *, grace_s: float, ask: signal.Signals | None = signal.SIGTERM) -> bool:
        """Ends it and waits; SIGKILL after `grace_s`. Whether it ended by itself. `ask` None: it was asked already."""
        self._ending.set()
        process = self.process
        if process is None or not self.is_running:
            return True
        if ask is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(ask)
        try:
            async with asyncio.timeout(grace_s):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return False
        return True


async def wait_healthy(url: str) -> None:
    """Returns when `url` answers 200."""
    async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                if (await client.get(url)).status_code == httpx2.codes.OK:
                    return
            await asyncio.sleep(HEALTH_INTERVAL_S)


def describe_end(code: int) -> str:
    """An exit code of asyncio's in words: negative is a signal."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
