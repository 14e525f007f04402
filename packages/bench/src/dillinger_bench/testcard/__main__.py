"""`python -m dillinger_bench.testcard install LIBRARY_DIR`: adds the test card to a library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .install import install as install_variants

app = typer.Typer(help="The test card: a guest to test and measure with.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `install` a command of its own while it is the only one."""


@app.command()
def install(library_dir: Annotated[Path, typer.Argument(help="the library's folder, STATE/library")]) -> None:
    """Adds every variant of the test card to a library."""
    for folder in install_variants(library_dir):
        typer.echo(folder)


if __name__ == "__main__":
    app()
