"""Commands for someone who wants to play: `up`, `doctor`, `config show`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from dillinger.terminal import console, errors
from dillinger.tree import find_tree

app = typer.Typer()
PANEL = "Play"


class LogLevel(StrEnum):
    """How bad a line must be to be shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Host = Annotated[
    str | None,
    typer.Option(
        help="Address of the https listener; 0.0.0.0 (the default) is every one, 127.0.0.1 this machine only."
    ),
]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the https listener (8443).")]
HttpPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the plain http listener, for this machine only (8080).")
]
RunnerPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the runner's API, for this machine only (3002).")
]
StateDir = Annotated[Path | None, typer.Option(help="Where data is kept.")]
RuntimeDir = Annotated[Path | None, typer.Option(help="Where sockets are; the path has to be short.")]
LibraryDir = Annotated[Path | None, typer.Option(help="Where your own games are.")]
ConfigFile = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The settings file.")]


@app.command(rich_help_panel=PANEL)
def up(
    host: Host = None,
    port: Port = None,
    http_port: HttpPort = None,
    runner_port: RunnerPort = None,
    state_dir: StateDir = None,
    runtime_dir: RuntimeDir = None,
    library_dir: LibraryDir = None,
    config: ConfigFile = None,
    log_level: Annotated[
        LogLevel | None, typer.Option(help="How bad a log line must be to be shown: warning on a terminal, else info.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="As --log-level info.")] = False,
) -> None:
    """Start Dillinger and print where to play. Runs until Ctrl-C, then ends everything that it started."""
    from dillinger import up as foreground
    from dillinger.apps import Overrides, make_plan

    overrides = Overrides(host, port, http_port, runner_port, state_dir, runtime_dir, library_dir, config)
    plan = make_plan(overrides, find_tree().web / "dist")
    level = log_level or (LogLevel.INFO if verbose or not errors.is_terminal else LogLevel.WARNING)
    asyncio.run(foreground.run(plan, log_level=level.value, console=console, errors=errors))


@app.command(rich_help_panel=PANEL)
def doctor(
    host: Host = None,
    port: Port = None,
    http_port: HttpPort = None,
    runner_port: RunnerPort = None,
    state_dir: StateDir = None,
    runtime_dir: RuntimeDir = None,
    library_dir: LibraryDir = None,
    config: ConfigFile = None,
) -> None:
    """Try everything that Dillinger needs; say what is missing and what mends it. Takes the options of `up`."""
    from dillinger.apps import Overrides, make_plan
    from dillinger.doctor import Verdict, examine

    marks = {
        Verdict.GOOD: "[green]✓[/]",
        Verdict.BAD: "[red]✗[/]",
        Verdict.ABSENT: "[yellow]-[/]",
        Verdict.UNVERIFIED: "[yellow]?[/]",
    }
    tree = find_tree()
    overrides = Overrides(host, port, http_port, runner_port, state_dir, runtime_dir, library_dir, config)
    bad = 0
    for finding in examine(make_plan(overrides, tree.web / "dist"), tree):
        note = " [yellow](unverified)[/]" if finding.verdict is Verdict.UNVERIFIED else ""
        console.print(
            f"  {marks[finding.verdict]} [bold]{escape(finding.name)}[/]  {escape(finding.detail)}{note}",
            soft_wrap=True,
        )
        if finding.mend:
            console.print(f"      → {escape(finding.mend)}", soft_wrap=True)
        bad += finding.verdict is Verdict.BAD
    if bad:
        errors.print(f"[red]{bad} to mend[/]")
        raise typer.Exit(1)
    console.print("All that is needed is here.")


config_app = typer.Typer(help="The settings in force.", no_args_is_help=True)
app.add_typer(config_app, name="config", rich_help_panel=PANEL)


@config_app.command()
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    host: Host = None,
    port: Port = None,
    http_port: HttpPort = None,
    runner_port: RunnerPort = None,
    state_dir: StateDir = None,
    runtime_dir: RuntimeDir = None,
    library_dir: LibraryDir = None,
    config: ConfigFile = None,
) -> None:
    """Print every setting of core and runner, as `up` with the same options would take it. Secrets are not shown."""
    from dillinger.apps import Overrides, settings_in_force

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("setting", "value", *(("origin",) if origin else ())):
        table.add_column(heading, overflow="fold")
    overrides = Overrides(host, port, http_port, runner_port, state_dir, runtime_dir, library_dir, config)
    for line in settings_in_force(overrides):
        table.add_row(line.name, escape(line.value), *((line.origin,) if origin else ()))
    console.print(table)
