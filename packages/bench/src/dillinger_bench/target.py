"""A Dillinger that runs: where it answers, where its folders are, and who logs in. It may be anybody's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts.errors import Unavailable

from .client import CoreClient

ADMIN = "admin"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a house that lives as long as a test


@dataclass(frozen=True, slots=True)
class Target:
    """What a viewer and a bench need to know of a Dillinger on this machine."""

    core_url: str
    runner_url: str
    state_dir: Path
    runtime_dir: Path
    name: str = ADMIN
    password: str = PASSWORD
    """The admin's; also the one that replaces the one-time password at the first login."""
    page_url: str | None = None
    """Where a browser opens the pages, if that is not `core_url`: from the other end of a link."""

    def first_login(self) -> tuple[str, str] | None:
        """The admin's name and one-time password, None once that was changed."""
        file = self.state_dir / "core/first-login.json"
        if not file.exists():
            return None
        entry = json.loads(file.read_text("utf-8"))
        return entry["name"], entry["password"]

    def login(self) -> CoreClient:
        """A client that is logged in; the one-time password is changed the first time."""
        client = CoreClient(self.core_url)
        first = self.first_login()
        if first:
            client.login(*first)
            client.change_password(first[1], self.password)
        client.login(self.name, self.password)
        return client

    def runner_key(self) -> str:
        """The first of the runner's API keys."""
        lines = (self.state_dir / "runner/keys").read_text("utf-8").splitlines()
        return next(key for line in lines if (key := line.split("#")[0].strip()))

    def session_dir(self, session_id: str) -> Path:
        """The runner's folder of a session."""
        return self.state_dir / "runner/sessions" / session_id

    def display_socket(self, session_id: str) -> Path:
        """The cell's display, as its seat reaches it."""
        found = sorted((self.runtime_dir / session_id / "x11").glob("X*"))
        if not found:
            raise Unavailable(f"Session {session_id} has no display socket")
        return found[0]

    def display_cookie(self, session_id: str) -> bytes | None:
        """What that display asks for (MIT-MAGIC-COOKIE-1); None where it asks for nothing."""
        file = self.runtime_dir / session_id / "auth"
        return file.read_bytes()[-16:] if file.is_file() else None
