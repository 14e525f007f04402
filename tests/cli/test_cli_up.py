"""`dillinger up` with the real core and the real runner: it starts, it heals, and it leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import pytest

from dillinger_bench.ports import free_port

DEADLINE_S = 60.0
GAMES = {"sleeper": ["/usr/bin/sleep", "600"], "stubborn": ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]}


@dataclass(slots=True)
class Foreground:
    """One `dillinger up` with folders and ports of its own."""

    folder: Path
    process: subprocess.Popen[str] | None = None
    ports: list[int] = field(default_factory=list)

    def start(self) -> None:
        """Starts it; the first line of its output is not awaited."""
        self.ports = [free_port() for _ in range(3)]
        for game_id, command in GAMES.items():
            game = self.folder / "state/library" / game_id
            game.mkdir(parents=True, exist_ok=True)
            launch = f'[launch]\nkind = "native"\ncommand = {json.dumps(command)}\n[display]\nneeds_window = false\n'
            (game / "game.toml").write_text(f'title = "The {game_id}"\n{launch}')
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DILLINGER_")}
        https, http, runner = map(str, self.ports)
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "dillinger", "up", "--host", "127.0.0.1", "--port", https, "--http-port", http,
                "--runner-port", runner, "--state-dir", str(self.folder / "state"),
                "--runtime-dir", str(self.folder / "run"),
            ],
            env={**inherited, "DILLINGER_RUNNER_ISOLATION": "none", "DILLINGER_RUNNER_STOP_GRACE_S": "20"},
            stdin=subprocess.DEVNULL, text=True,
            stdout=(self.folder / "out").open("w"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def output(self) -> str:
        """All that it printed until now."""
        return (self.folder / "out").read_text()

    @property
    def http_url(self) -> str:
        """Core, in the clear."""
        return f"http://127.0.0.1:{self.ports[1]}"

    def until(self, claim: Callable[[], object], what: str) -> None:
        """Waits for a fact; fails with the output after the deadline."""
        ends = time.monotonic() + DEADLINE_S
        while not claim():
            assert time.monotonic() < ends, f"not {what} after {DEADLINE_S} s:\n{self.output}"
            assert self.process is not None
            self.process.poll()
            time.sleep(0.02)

    def wait(self) -> int:
        """Its exit code."""
        assert self.process is not None
        return self.process.wait(DEADLINE_S)

    def is_healthy(self) -> bool:
        """Whether core answers and sees its runner."""
        try:
            answer = httpx2.get(f"{self.http_url}/api/v1/health", trust_env=False, timeout=5)
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["status"] == "ok"

    def pid_of(self, app: str) -> int | None:
        """The present process of an app."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if f"dillinger_{app}" in child.cmdline():
                    return child.pid
        return None

    def leftovers(self) -> list[str]:
        """Every process that has our folder in its command line or environment."""
        found = []
        for process in psutil.process_iter():
            try:
                command, environment = process.cmdline(), process.environ()
            except psutil.Error:
                continue
            words = [*command, *environment.values()]
            if process.pid != os.getpid() and any(str(self.folder) in word for word in words):
                found.append(" ".join(command))
        return found

    def play(self, game_id: str = "sleeper") -> None:
        """Starts a game through the runner's API, and waits until it runs."""
        key = (self.folder / "state/runner/keys").read_text().split()[0]
        answer = httpx2.post(
            f"http://127.0.0.1:{self.ports[2]}/sessions", json={"gameId": game_id, "userId": "ada"},
            headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=DEADLINE_S,
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        program = " ".join(GAMES[game_id])
        self.until(lambda: program in command_lines(), "playing")


def command_lines() -> Iterator[str]:
    """What runs now, as far as it can be read."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            yield " ".join(process.cmdline())


@pytest.fixture
def foreground() -> Iterator[Foreground]:
    """A started `up`; whatever is left of it is killed after the test."""
    with tempfile.TemporaryDirectory(prefix="dl-up-", ignore_cleanup_errors=True) as folder:  # short, for the sockets
        started = Foreground(Path(folder))
        started.start()
        yield started
        assert started.process is not None
        for process in [*psutil.Process().children(recursive=True), *psutil.process_iter()]:
            try:
                if str(started.folder) in " ".join([*process.cmdline(), *process.environ().values()]):
                    process.kill()
            except psutil.Error:
                continue
        started.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_cleanly_and_leaves_no_process(foreground: Foreground, number: signal.Signals) -> None:
    foreground.until(lambda: "Ctrl-C ends it" in foreground.output, "ready")
    assert foreground.http_url.replace("127.0.0.1", "localhost") in foreground.output
    login = foreground.folder / "state/core/first-login.json"
    assert json.loads(login.read_text())["password"] in foreground.output
    assert login.stat().st_mode & 0o077 == 0
    foreground.until(foreground.is_healthy, "healthy")
    assert foreground.process is not None
    foreground.process.send_signal(number)
    assert foreground.wait() == 0
    assert foreground.leftovers() == []


def test_ends_games_that_run(foreground: Foreground) -> None:
    foreground.until(foreground.is_healthy, "healthy")
    foreground.play()
    assert foreground.process is not None
    foreground.process.send_signal(signal.SIGINT)
    assert foreground.wait() == 0
    assert foreground.leftovers() == []


def test_a_game_that_will_not_end_is_named_and_a_second_interrupt_does_not_wait(foreground: Foreground) -> None:
    foreground.until(foreground.is_healthy, "healthy")
    foreground.play("stubborn")
    assert foreground.process is not None
    foreground.process.send_signal(signal.SIGINT)
    foreground.until(lambda: "Waiting for The stubborn to end" in foreground.output, "told")
    foreground.process.send_signal(signal.SIGINT)
    assert foreground.wait() == 0
    assert "Ending at once" in foreground.output
    assert foreground.leftovers() == []


@pytest.mark.full  # it waits for every deadline of a stop
def test_ends_games_although_the_runner_hangs(foreground: Foreground) -> None:
    foreground.until(foreground.is_healthy, "healthy")
    foreground.play()
    runner = foreground.pid_of("runner")
    assert runner is not None
    assert foreground.process is not None
    os.kill(runner, signal.SIGSTOP)
    foreground.process.send_signal(signal.SIGINT)
    assert foreground.wait() == 0
    assert foreground.leftovers() == []


def test_interrupt_during_the_start_ends_it_too(foreground: Foreground) -> None:
    foreground.until(lambda: foreground.pid_of("runner"), "starting")
    assert foreground.process is not None
    foreground.process.send_signal(signal.SIGINT)
    assert foreground.wait() == 0
    assert foreground.leftovers() == []


@pytest.mark.parametrize("app", ["core", "runner"])
def test_killed_app_is_started_again_and_told(foreground: Foreground, app: str) -> None:
    foreground.until(foreground.is_healthy, "healthy")
    first = foreground.pid_of(app)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    foreground.until(lambda: foreground.pid_of(app) not in (None, first), "started again")
    foreground.until(foreground.is_healthy, "healthy again")
    assert f"{app} ended by itself (SIGKILL)" in foreground.output


def test_killed_itself_it_takes_its_apps_along(foreground: Foreground) -> None:
    foreground.until(foreground.is_healthy, "healthy")
    assert foreground.process is not None
    foreground.process.kill()
    foreground.process.wait()
    foreground.until(lambda: not foreground.leftovers(), "gone")


def test_second_one_on_the_same_data_is_refused(foreground: Foreground) -> None:
    foreground.until(foreground.is_healthy, "healthy")
    second = Foreground(foreground.folder)
    (foreground.folder / "out").rename(foreground.folder / "first-out")
    second.start()
    assert second.wait() == 1
    assert "Another runner keeps" in second.output, second.output
    assert "Traceback" not in second.output
    foreground.until(foreground.is_healthy, "still healthy")
