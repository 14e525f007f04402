"""A runner in a process of its own, with folders of its own, and what it left behind counted.

Lives on the test's event loop; blocking waits are short and bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from dillinger_bench.ports import free_port

KEY = "test-key-0123456789-abcdefghij"
STANDIN = Path(__file__).with_name("standin.py")
"""A seat that does as its game says; run by itself, as a seat is."""
_UP_TIMEOUT_S = 60.0


@dataclass(slots=True)
class RunnerLab:
    """Starts, kills and asks one runner."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    """Kept over restarts: seats dial it."""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        (self.folder / "runner").mkdir(parents=True, exist_ok=True)
        self.keys_file.write_text(f"{KEY} # test\n", "ascii")

    @property
    def keys_file(self) -> Path:
        """The API keys."""
        return self.folder / "runner/keys"

    @property
    def sessions_dir(self) -> Path:
        """The session folders."""
        return self.folder / "runner/sessions"

    @property
    def runtime_dir(self) -> Path:
        """The socket folders."""
        return self.folder / "run"

    def environment(self) -> dict[str, str]:
        """What the runner is started with."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("DILLINGER_")}
        settings = {
            "port": str(self.port),
            "backend": "process",  # the stand-in is no image, whatever engine this machine has
            "seat_command": f"{sys.executable} {STANDIN}",
            "memory_overcommit": "0",
            "memory_reserve_bytes": "0",
            "stop_grace_s": "3",
            "term_grace_s": "1",
            **self.settings,
        }
        return {
            **ours,
            "DILLINGER_CONFIG": str(self.folder / "none.toml"),
            "DILLINGER_STATE_DIR": str(self.folder),
            "DILLINGER_RUNTIME_DIR": str(self.runtime_dir),
            **{f"DILLINGER_RUNNER_{name.upper()}": value for name, value in settings.items()},
        }

    def add_game(self, game_id: str, *modes: str, text: str | None = None, **resources: object) -> str:
        """Puts a game into the library; its modes are the stand-in's. Returns its id."""
        folder = self.folder / "library" / game_id
        folder.mkdir(parents=True, exist_ok=True)
        if text is None:
            command = json.dumps(["standin", *modes])
            limits = "".join(f"{name} = {json.dumps(value)}\n" for name, value in resources.items())
            launch = f'[launch]\nkind = "native"\ncommand = {command}\n'
            text = f'schema = 1\ntitle = "{game_id}"\n[resources]\n{limits}{launch}'
        (folder / "game.toml").write_text(text, "utf-8")
        return game_id

    async def start(self) -> None:
        """Starts the runner and waits until it answers."""
        self.process = await asyncio.to_thread(self._spawn)
        async with asyncio.timeout(_UP_TIMEOUT_S), self.client() as client:
            while self.process.poll() is None:
                with contextlib.suppress(httpx2.TransportError):
                    if (await client.get("/health")).status_code == 200:
                        return
                await asyncio.sleep(0.02)
        raise AssertionError(f"The runner did not come up:\n{self.log()[-3000:]}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "runner.log").open("ab") as log_file:
            return subprocess.Popen(
                [sys.executable, "-m", "dillinger_runner", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                env=self.environment(),
                start_new_session=True,
            )

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signals the runner and waits for its end; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 60)

    async def clear(self) -> None:
        """Ends the runner and everything it ever started."""
        if self.process is None:
            return
        if self.process.poll() is None:
            with contextlib.suppress(httpx2.TransportError):
                async with self.client() as client:
                    await client.post("/shutdown", json={"stopSessions": True})
                if await asyncio.to_thread(self.process.wait, 60) == 0:
                    return
        if self.process.poll() is None:
            await self.end(signal.SIGKILL)
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "dillinger_runner", "stop-all"],
            env=self.environment(),
            check=True,
            capture_output=True,
            timeout=60,
        )

    def client(self, key: str | None = KEY) -> httpx2.AsyncClient:
        """An HTTP client with this key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60, trust_env=False
        )

    def log(self) -> str:
        """What the runner logged."""
        return (self.folder / "runner.log").read_text("utf-8", "replace")

    async def play(self, client: httpx2.AsyncClient, game_id: str, **wish: object) -> dict[str, Any]:
        """Asks for a session; returns its first view."""
        answer = await client.post("/sessions", json={"gameId": game_id, "userId": "ann", **wish})
        assert answer.status_code in (200, 201), answer.text
        view: dict[str, Any] = answer.json()
        return view

    async def events(
        self, client: httpx2.AsyncClient, last_event_id: str | None = None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The event feed: `{"id", "event", "data"}`."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        async with client.stream("GET", "/events", headers=headers, timeout=None) as answer:
            assert answer.status_code == 200
            fact: dict[str, Any] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line == "" and "data" in fact:
                    yield fact
                    fact = {}
                elif name in ("id", "event"):
                    fact[name] = value
                elif name == "data":
                    fact["data"] = json.loads(value)

    async def until(
        self, client: httpx2.AsyncClient, session_id: str, *states: str, timeout_s: float = 60
    ) -> dict[str, Any]:
        """The session's view, once it is in one of these states."""
        async with asyncio.timeout(timeout_s):
            async with contextlib.aclosing(self.events(client)) as feed:
                async for fact in feed:
                    view: dict[str, Any] = fact["data"]["session"]
                    if view["sessionId"] == session_id and view["state"] in states:
                        return view
        raise AssertionError(f"The feed ended before {session_id} was {states}:\n{self.log()[-3000:]}")

    async def spec(self, client: httpx2.AsyncClient, session_id: str) -> dict[str, Any]:
        """What its seat is told, once it is placed."""
        await self.until(client, session_id, "starting", "ready", "streaming")
        loaded: dict[str, Any] = json.loads((self.sessions_dir / session_id / "spec.json").read_text("utf-8"))
        return loaded

    def identity(self, session_id: str) -> dict[str, Any]:
        """The seat's birth certificate."""
        loaded: dict[str, Any] = json.loads((self.sessions_dir / session_id / "identity.json").read_text("ascii"))
        return loaded

    def kill_seat(self, session_id: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Signals the seat's process."""
        os.kill(self.identity(session_id)["pid"], number)

    def leftovers(self) -> list[str]:
        """Processes, socket folders and cgroups of this lab's sessions that are there now."""
        found = [f"process {process.pid} {' '.join(process.info['cmdline'])}" for process in self._processes()]
        if self.runtime_dir.is_dir():
            found += [f"folder {entry}" for entry in self.runtime_dir.iterdir()]
        names = self._session_ids()
        return found + [f"cgroup {group}" for group in cgroups() if group.name in names]

    def _processes(self) -> Iterable[psutil.Process]:
        for process in psutil.process_iter(["cmdline", "status"]):
            if process.info["status"] == psutil.STATUS_ZOMBIE:
                continue
            if str(self.sessions_dir) in " ".join(process.info["cmdline"] or ()):
                yield process

    def _session_ids(self) -> set[str]:
        return {entry.name for entry in self.sessions_dir.iterdir()} if self.sessions_dir.is_dir() else set()


def cgroups() -> Iterator[Path]:
    """All that are there; those of others come and go meanwhile."""
    for folder, _, _ in os.walk("/sys/fs/cgroup"):
        yield Path(folder)
