"""`dillinger bench`: starts a Dillinger of its own (or takes one that runs), measures, and tells."""

from __future__ import annotations

import sys

import typer

from dillinger_contracts.errors import DillingerError

from .commands.judging import judge
from .commands.machines import density, launches, overhead
from .commands.micro import micro
from .commands.networks import network
from .commands.peers import peers
from .commands.streams import everything, latency, lipsync, load, startup, watchers

app = typer.Typer(
    name="bench",
    help="Measure, at the browser, as a user sees it. `--size 1280x720` can be given several times.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(latency)
app.command()(startup)
app.command()(load)
app.command()(network)
app.command("all")(everything)
app.command()(launches)
app.command()(density)
app.command()(overhead)
app.command()(watchers)
app.command()(peers)
app.command()(lipsync)
app.command()(micro)
app.command()(judge)


def main() -> None:
    """Entry point of `python -m dillinger_bench`."""
    try:
        app(prog_name="dillinger bench")
    except DillingerError as error:
        print(f"bench: {error.message}", *([error.hint] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(1)
