"""The file that tells the launcher how the first admin logs in; gone once that password was changed."""

from __future__ import annotations

import json
from pathlib import Path

from dillinger_core.private_files import write_private

FIRST_ADMIN = "admin"


class FirstLogin:
    """`first-login.json`: `{"name": …, "password": …}`, readable by this user only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, password: str) -> None:
        """Notes the one-time password."""
        write_private(self._path, json.dumps({"name": FIRST_ADMIN, "password": password}).encode())

    def forget(self) -> None:
        """Removes the file."""
        self._path.unlink(missing_ok=True)
