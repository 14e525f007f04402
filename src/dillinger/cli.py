"""The command line: merges the commands, and turns an error into a message and an exit code.

Exit codes: 0 done, 1 it failed (the message says what to do), 2 the command line makes no sense.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape
from typer._completion_classes import completion_init

from dillinger_contracts.errors import DillingerError

from . import __version__
from .commands import develop, games, machine, play, sessions
from .terminal import console, errors

app = typer.Typer(
    name="dillinger",
    epilog="With any command: --yes asks nothing; --no-games offers neither free games nor Wine.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (play, games, sessions, machine, develop):
    app.add_typer(part.app)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.print(f"dillinger {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Your games, in any browser, each in its own locked cell."""


def main() -> None:
    """Entry point of `dillinger`."""
    completion_init()
    try:
        app(prog_name="dillinger")
    except DillingerError as error:
        errors.print(f"[red]{escape(error.message)}[/]", soft_wrap=True)
        if error.hint:
            errors.print(escape(error.hint), soft_wrap=True)
        sys.exit(1)
