"""Running a program as one step of a longer job: quiet when it goes well, all of its output when it fails."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape


@dataclass(frozen=True, slots=True)
class Step:
    """A program to run, and what to call it."""

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to our own."""


def run_step(step: Step, console: Console) -> bool:
    """Runs it to its end, says how it went and how long it took; whether it exited with 0."""
    begun = time.monotonic()
    with console.status(f"{step.name} …"):
        ended = subprocess.run(
            step.command,
            cwd=step.folder,
            env={**os.environ, **step.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    took = f"[dim]{time.monotonic() - begun:.1f} s[/]"
    if ended.returncode == 0:
        console.print(f"  [green]✓[/] {escape(step.name)} {took}")
        return True
    console.print(f"  [red]✗[/] {escape(step.name)} {took}")
    console.print(f"    $ {shlex.join(step.command)}", style="dim", markup=False, highlight=False)
    for line in ended.stdout.rstrip().splitlines():
        console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
    return False


def run_steps(steps: Sequence[Step], console: Console) -> list[str]:
    """Runs all of them, also after one failed; the names of those that did."""
    return [step.name for step in steps if not run_step(step, console)]
