"""Where the command line prints: answers on standard output, complaints on standard error."""

from __future__ import annotations

from rich.console import Console

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
