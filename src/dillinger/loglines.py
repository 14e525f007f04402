"""The apps' log lines (structlog's JSON, one a line), as a person reads them; other programs get them as they are."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error", "critical")
_COLOUR = {"debug": "2", "info": "0", "warning": "33", "error": "31", "critical": "1;31"}


@dataclass(frozen=True, slots=True)
class LogLines:
    """Writes what is at least as bad as `level`; a line that is no JSON (a traceback) always."""

    level: str
    is_for_people: bool
    stream: TextIO = sys.stderr

    def write(self, app: str, line: str) -> None:
        """One line of `app`, without its newline."""
        text = self.render(app, line)
        if text is not None:
            self.stream.write(text + "\n")
            self.stream.flush()

    def render(self, app: str, line: str) -> str | None:
        """The line as it is shown, or None where it is not."""
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            return f"{app}: {line}" if self.is_for_people else line
        level = str(entry.pop("level", "info"))
        if level in LEVELS and LEVELS.index(level) < LEVELS.index(self.level):
            return None
        if not self.is_for_people:
            return line
        time = str(entry.pop("timestamp", ""))[11:19]
        event, trace = str(entry.pop("event", "")), entry.pop("exception", None)
        facts = " ".join(f"{name}={value}" for name, value in entry.items())
        text = f"\x1b[2m{time} {app:6}\x1b[0m \x1b[{_COLOUR.get(level, '0')}m{event}\x1b[0m {facts}".rstrip()
        return f"{text}\n{trace}" if trace else text
