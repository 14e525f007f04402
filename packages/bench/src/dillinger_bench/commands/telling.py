"""What every command does with its figures: compares, prints and writes them."""

from __future__ import annotations

import getpass
import os
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console

from dillinger_bench.report import Cases, Report, load_cases
from dillinger_contracts.errors import Invalid

_WIDE_COLUMNS = 260


def machine(**more: str) -> dict[str, str]:
    """What this runs on, for the report."""
    return {
        "system": platform.platform(terse=True),
        "cores": f"{os.cpu_count()} cores",
        "python": sys.version.split()[0],
        **more,
    }


def teller() -> Callable[[str], None]:
    """Says on standard error what is being done, a line each."""
    told = Console(stderr=True, highlight=False)
    return lambda text: told.print(text, soft_wrap=True)


def earlier(baseline: Path | None) -> Cases:
    """The figures to compare with."""
    return load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}


def ensure_writable(files: Iterable[Path]) -> None:
    """Raises `Invalid` for a file that could not be written after minutes of measuring."""
    for file in files:
        try:
            file.open("a").close()
        except OSError as error:
            who = getpass.getuser()
            raise Invalid(f"{file} can't be written: {error}", hint=f"Name a file that {who} may write") from error


class Told(Protocol):
    """A report in all its forms."""

    def json(self) -> str: ...
    def csv(self) -> str: ...
    def markdown(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Files:
    """Where a report is written, if anywhere."""

    json: Path | None
    csv: Path | None
    markdown: Path | None

    def ensure_writable(self) -> None:
        """Raises `Invalid` for one that could not be written later."""
        ensure_writable([file for file in (self.json, self.csv, self.markdown) if file is not None])

    def write(self, report: Told) -> None:
        """Writes it to all of them."""
        for file, text in ((self.json, report.json), (self.csv, report.csv), (self.markdown, report.markdown)):
            if file is not None:
                file.write_text(text(), "utf-8")


def show(report: Report, files: Files) -> None:
    """Prints a report and writes it."""
    is_wide = report.is_row_a_case and not sys.stdout.isatty()
    console = Console(highlight=False, width=_WIDE_COLUMNS if is_wide else None)
    console.print(report.table())
    console.print(report.legend(), style="dim")
    files.write(report)
