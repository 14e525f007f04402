"""The compose files as an admin uses them: a project of its own on the engine, with images of this tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dillinger.tree import find_tree

FOLDER = find_tree().root / "deploy/compose"
TIMEOUT_S = 180
_ASK = """\
import sys
from http.client import HTTPConnection
connection = HTTPConnection("runner", 3002, timeout=20)
connection.request("GET", sys.argv[1], headers={"Authorization": f"Bearer {sys.argv[2]}"})
answer = connection.getresponse()
print(answer.status, answer.read().decode(), sep="\\n")
"""


def command(*arguments: str, files: tuple[str, ...] = ("compose.yaml",), project: str = "dillinger") -> tuple[str, ...]:
    """A `docker compose` command line."""
    chosen = (word for name in files for word in ("-f", str(FOLDER / name)))
    return ("docker", "compose", "--progress", "quiet", "-p", project, "--env-file", os.devnull, *chosen, *arguments)


def problem() -> str | None:
    """Why compose can't be used here."""
    if shutil.which("docker") is None:
        return "no docker compose: there is no command docker"
    asked = subprocess.run(("docker", "compose", "version"), capture_output=True, text=True, check=False)
    return None if asked.returncode == 0 else f"no docker compose: {asked.stderr.strip().partition(chr(10))[0]}"


@dataclass
class Stack:
    """A stack that runs, from `up` to `down`."""

    project: str
    environment: dict[str, str]
    files: tuple[str, ...] = ("compose.yaml",)
    _is_up: bool = field(default=False, init=False)

    def run(self, *arguments: str, text: bytes | None = None, check: bool = True) -> str:
        """What a command of compose prints; its complaints are in the error that it raises."""
        ended = subprocess.run(
            command(*arguments, files=self.files, project=self.project),
            env={**os.environ, **self.environment},
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        said = ended.stderr.decode("utf-8", "replace")
        assert not check or ended.returncode == 0, f"{' '.join(arguments)}: {said[-3000:]}\n{self.logs()}"
        return ended.stdout.decode("utf-8", "replace")

    def up(self) -> None:
        """Returns when all of it is healthy."""
        self._is_up = True
        self.run("up", "--detach", "--no-build", "--wait", "--wait-timeout", "120")

    def down(self) -> None:
        """Ends it, its sessions first, and removes all that it made."""
        if self._is_up:
            self.run("stop", check=False)
            sessions = self.containers_of_sessions()
            if sessions:
                self.docker("rm", "--force", "--volumes", *sessions)
            self.run("down", "--volumes", "--timeout", "10", check=False)

    def logs(self) -> str:
        """The last that core and runner said."""
        if not self._is_up:
            return ""
        asked = subprocess.run(
            command("logs", "--tail", "30", files=self.files, project=self.project),
            env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        return asked.stdout[-8000:]

    def logs_of_sessions(self) -> str:
        """The last that seats, cells and games said."""
        show = "cd /var/lib/dillinger/runner/sessions && tail -n 25 */*.log"
        return self.run("exec", "-T", "runner", "sh", "-c", show, check=False)[-8000:]

    def docker(self, *arguments: str) -> str:
        """What a plain command of the engine prints."""
        ended = subprocess.run(("docker", *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"https://localhost:{self.environment['DILLINGER_PROXY_HTTPS_PORT']}"

    def inspect(self, service: str) -> dict[str, Any]:
        """How the engine describes a service's container."""
        [found] = json.loads(self.docker("inspect", self.run("ps", "--quiet", service).strip()))
        assert isinstance(found, dict)
        return found

    def containers_of_sessions(self) -> list[str]:
        """Names of what the runner has made: seats and cells on this stack's volumes, and who hands seats folders."""
        listed = self.docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"volume={self.project}_sockets")
        return [name for name in listed.split() if not name.startswith(f"{self.project}-")]

    def ask_runner(self, path: str, key: str) -> tuple[int, Any]:
        """Status and answer of the runner's API, asked from where core is."""
        said = self.run("exec", "-T", "core", "/opt/dillinger/bin/python", "-c", _ASK, path, key)
        status, _, answer = said.partition("\n")
        return int(status), json.loads(answer)

    def put_game(self, folder: Path) -> None:
        """Copies a game's folder into the library, as the how-to says."""
        packed = subprocess.run(("tar", "-C", str(folder.parent), "-c", folder.name), capture_output=True, check=True)
        self.run("exec", "-T", "core", "tar", "-x", "-C", "/library", text=packed.stdout)

    def first_login(self) -> str:
        """The file with the admin's one-time password, as the how-to has one read it; empty once that was changed."""
        return self.run("exec", "-T", "core", "cat", "/var/lib/dillinger/core/first-login.json", check=False)
