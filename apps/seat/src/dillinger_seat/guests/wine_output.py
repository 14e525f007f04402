"""What Wine says about a program that ends: its exit codes lie (a raised c0000409 ends with 9, a null write with 5).

Lines come from a hostile program's output: what they claim is shown to its own player and decides nothing else. On the
loop; time is the loop's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SAME_END_S = 5.0
"""A crash that was told longer before the end was another process's: the game went on without it."""

_CRASH = re.compile(
    rb"wine: Unhandled (?P<what>.{1,120}?)(?: in thread [0-9a-f]+)?(?: at address [0-9A-Fa-f:]+)? \(thread [0-9a-f]+\)"
)
_DEBUGGED = re.compile(rb"^[0-9a-f]{8} \(D\) (?P<path>.{1,400})$")
_DUMP = re.compile(rb"^(?:Register dump|Stack dump|Modules|Threads|System information):")
_BACKTRACE = b"Backtrace:"
_DUMP_END = b"Host version:"
_NO_LIBRARY = re.compile(rb'import_dll Library (?P<library>[^ ]{1,80}) \(which is needed by L"(?P<by>[^"]{1,400})"')
_NO_PROGRAM = re.compile(rb'wine: (?:cannot find|failed to open) L?"(?P<path>[^"]{1,400})"')


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why it ended, as a clause."""

    text: str
    is_missing: bool = False
    """Whether something that it needs is not there."""


class WineOutput:
    """Takes every line of the guest's output; afterwards tells what went wrong, if anything did."""

    def __init__(self) -> None:
        self._crash: str | None = None
        self._crashed_at_s = 0.0
        self._missing: list[str] = []
        self._no_program: str | None = None
        self._is_in_dump = False

    def take(self, line: bytes, now_s: float) -> bool:
        """One line; whether it is worth showing: of the debugger's dump only where the program was."""
        self._note(line, now_s)
        if _DUMP.match(line):
            self._is_in_dump = True
        elif line.startswith(_BACKTRACE):
            self._is_in_dump = False
        is_shown = not self._is_in_dump
        if line.lstrip().startswith(_DUMP_END):
            self._is_in_dump = False
        return is_shown

    def _note(self, line: bytes, now_s: float) -> None:
        if found := _CRASH.search(line):
            self._crash, self._crashed_at_s = _text(found["what"]), now_s
        elif self._crash is not None and (line.lstrip().startswith(_DUMP_END) or _DEBUGGED.match(line)):
            self._crashed_at_s = now_s  # the debugger took its time
        elif found := _NO_LIBRARY.search(line):
            sentence = f"{_file_name(found['by'])} needs {_text(found['library'])}"
            if sentence not in self._missing and len(self._missing) < 8:
                self._missing.append(sentence)
        elif found := _NO_PROGRAM.search(line):
            self._no_program = _file_name(found["path"])

    def trouble(self, now_s: float, *, has_failed: bool) -> Trouble | None:
        """What ended the game that ended now; without a failing exit code only a crash counts."""
        if self._crash is not None and now_s - self._crashed_at_s <= SAME_END_S:
            return Trouble(f"crashed: {self._crash}")
        if has_failed and self._missing:
            return Trouble(f"could not start: {', '.join(self._missing)}, which is not there", is_missing=True)
        if has_failed and self._no_program:
            return Trouble(f"could not start: Wine finds no {self._no_program}", is_missing=True)
        return None


def _text(raw: bytes) -> str:
    return "".join(c if c.isprintable() else "�" for c in raw.decode("utf-8", "replace"))


def _file_name(path: bytes) -> str:
    return re.split(r"[\\/]", _text(path))[-1]
