"""A unit of systemd's that comes, is brought up to date and goes: the machine's, or one user's. Blocking."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts.errors import Invalid, Unavailable


@dataclass(frozen=True, slots=True)
class Unit:
    """Where it is written, and whose it is."""

    path: Path
    is_user_s: bool = False

    def install(self, text: str) -> None:
        """Writes, enables and starts it; a second time brings it up to date. Raises `Unavailable`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(text, "utf-8")
        except OSError as error:
            raise Unavailable(f"The unit {self.path} can't be written: {error.strerror}") from error
        self._systemctl("daemon-reload")
        self._systemctl("enable", self.path.name)
        self._systemctl("restart", self.path.name)

    def remove(self) -> bool:
        """Stops and forgets it; whether it was there. Raises `Unavailable`."""
        if not self.path.exists():
            return False
        self._systemctl("disable", "--now", self.path.name)
        self.path.unlink()
        self._systemctl("daemon-reload")
        return True

    def _systemctl(self, *arguments: str) -> None:
        whose = ("--user",) if self.is_user_s else ()
        try:
            ended = subprocess.run(("systemctl", *whose, *arguments), capture_output=True, text=True, check=False)
        except OSError as error:
            raise Unavailable(f"systemctl can't be run: {error.strerror}") from error
        if ended.returncode != 0:
            told = " ".join((*whose, *arguments))
            log = " ".join(("journalctl", *whose, "-u", self.path.stem))
            raise Unavailable(f"systemctl {told} failed: {ended.stderr.strip()}", hint=f"{log} tells more")


def command_line(arguments: Sequence[str]) -> str:
    """As `ExecStart=` takes it (systemd.service(5), "Command lines"); raises `Invalid` for what no line can hold."""
    return " ".join(_quoted(argument) for argument in arguments)


def _quoted(argument: str) -> str:
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in argument):
        raise Invalid(f"A unit can't name {argument!r}", hint="Install it below a path of plain characters")
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
