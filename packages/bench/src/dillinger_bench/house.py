"""A whole Dillinger of one's own: core and runner as processes on free loopback ports, with folders that go away again.

The end-to-end tests, the fault tests and the bench all start it here, so that what is tested is what is measured.
Blocking; one thread. It knows the command lines and the environment names of core and runner and nothing else of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx2

from dillinger_contracts.errors import Unavailable

from .client import CoreClient, Login, RunnerClient
from .ports import free_port
from .target import Target
from .testcard.install import VARIANTS, Variant, install
from .waiting import wait_until

Part = Literal["core", "runner"]

_START_TIMEOUT_S = 90.0
"""On a machine that has much else to do; at rest it takes one or two."""
_STOP_TIMEOUT_S = 25.0
_LOG_LINES = 25
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR", "VIRTUAL_ENV")


def _remove_unseen(call: Callable[..., Any], path: str, error: object) -> None:
    """Of an overlay that a container engine mounted stays an empty folder of root's, which nobody else may look into;
    it goes all the same. What else can't be removed stays."""
    with contextlib.suppress(OSError):
        Path(path).rmdir()


class House:
    """Core and runner with a library; use it as a context manager, or `start` and `close` it."""

    def __init__(
        self,
        *,
        web_dir: Path | None = None,
        variants: Sequence[Variant] = VARIANTS,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dl-", dir="/tmp"))  # unix sockets need short paths
        self.state_dir, self.runtime_dir = self.root / "s", self.root / "r"
        self.library_dir = self.state_dir / "library"
        self.temp_dir = self.root / "t"
        for folder in (self.state_dir, self.runtime_dir, self.temp_dir, self.root / "home"):
            folder.mkdir(mode=0o700)
        (self.root / "dillinger.toml").touch()
        install(self.library_dir, variants)
        self.ports = {"core": free_port(), "runner": free_port(), "https": free_port()}
        self.core_url, self.runner_url = (f"http://127.0.0.1:{self.ports[part]}" for part in ("core", "runner"))
        self.target = Target(self.core_url, self.runner_url, self.state_dir, self.runtime_dir)
        self.processes: dict[Part, subprocess.Popen[bytes]] = {}
        self._login: Login | None = None
        self._environment = self._settings(web_dir) | dict(settings or {})

    def _settings(self, web_dir: Path | None) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        ours = {
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.temp_dir),
            "DILLINGER_STATE_DIR": str(self.state_dir),
            "DILLINGER_RUNTIME_DIR": str(self.runtime_dir),
            "DILLINGER_CONFIG": str(self.root / "dillinger.toml"),
            "DILLINGER_CORE_HTTP_PORT": str(self.ports["core"]),
            "DILLINGER_CORE_HTTPS_PORT": str(self.ports["https"]),
            "DILLINGER_CORE_HTTPS_HOST": "127.0.0.1",
            "DILLINGER_CORE_RUNNER_URL": self.runner_url,
            "DILLINGER_RUNNER_PORT": str(self.ports["runner"]),
            "DILLINGER_RUNNER_STOP_ON_EXIT": "true",
            "PYTHONUNBUFFERED": "1",
        }
        return passed_on | ours | ({"DILLINGER_CORE_WEB_DIR": str(web_dir)} if web_dir else {})

    def add_runners(self, *others: House) -> None:
        """Has this core use their runners too, after its own; before it is started."""
        houses = (self, *others)
        self._environment["DILLINGER_CORE_RUNNER_URLS"] = ",".join(house.runner_url for house in houses)
        key_files = (str(house.state_dir / "runner/keys") for house in houses)
        self._environment["DILLINGER_CORE_RUNNER_KEY_FILES"] = ":".join(key_files)

    def __enter__(self) -> Self:
        try:
            self.start("runner")
            self.start("core")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self, part: Part) -> subprocess.Popen[bytes]:
        """Starts core or the runner and waits until it answers; raises `Unavailable` with its log's end when not."""
        command = [sys.executable, "-m", f"dillinger_{part}", "serve"]
        with self.log(part).open("ab") as log:
            process = subprocess.Popen(
                command, env=self._environment, cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.processes[part] = process
        health = f"{self.core_url}/api/v1/health" if part == "core" else f"{self.runner_url}/health"

        def answers() -> bool:
            if process.poll() is not None:
                raise Unavailable(f"{part} ended with code {process.returncode}: {self.log_tail(part)}")
            with contextlib.suppress(httpx2.HTTPError):
                return httpx2.get(health, timeout=2).is_success
            return False

        wait_until(answers, _START_TIMEOUT_S, f"{part} answers")
        return process

    def stop(self, part: Part) -> int:
        """Asks core or the runner to end, as Ctrl-C does; its exit code."""
        process = self.processes.pop(part)
        process.terminate()
        try:
            return process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Unavailable(f"{part} did not end on SIGTERM: {self.log_tail(part)}") from None

    def kill(self, part: Part) -> None:
        """`kill -9`."""
        process = self.processes.pop(part)
        process.send_signal(signal.SIGKILL)
        process.wait(_STOP_TIMEOUT_S)

    def close(self) -> None:
        """Ends everything that this house started and removes its folders. Idempotent."""
        try:
            if "runner" not in self.processes and (self.state_dir / "runner").is_dir():
                self._stop_all()
            for part in list(self.processes):
                self.stop(part)
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()
            shutil.rmtree(self.root, onerror=_remove_unseen)

    def _stop_all(self) -> None:
        """Ends sessions that outlived their runner; warns where that fails, since the rest has to be closed too."""
        command = [sys.executable, "-m", "dillinger_runner", "stop-all"]
        done = subprocess.run(
            command, env=self._environment, cwd=self.root, timeout=60, check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            warnings.warn(f"sessions of {self.root} may be left: {done.stdout}{done.stderr}", stacklevel=3)

    def log(self, part: Part) -> Path:
        """Where core or the runner writes its log."""
        return self.root / f"{part}.log"

    def log_tail(self, part: Part) -> str:
        """The last lines of a log."""
        lines = self.log(part).read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])

    def client(self) -> CoreClient:
        """The admin, logged in; the one-time password is changed the first time. One login serves all that ask while it
        is good: each costs a fifth of a second of CPU."""
        if self._login is not None:
            client = CoreClient(self.core_url, login=self._login)
            if client.call("GET", "/me")["user"]:
                return client
            client.http.close()
        client = self.target.login()
        self._login = client.held()
        return client

    def runner_client(self, key: str | None = None) -> RunnerClient:
        """A client of the runner with its first key, or with another."""
        return RunnerClient(self.runner_url, self.target.runner_key() if key is None else key)
