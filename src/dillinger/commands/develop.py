"""Commands for developers: `test`, `check`, `dev`, `build`, `bench`, `docs`, `lock`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from dillinger.terminal import console, errors
from dillinger.tree import find_tree

app = typer.Typer()
PANEL = "Develop"


class Room(StrEnum):
    """A room that can be checked."""

    CORE = "core"
    RUNNER = "runner"
    SEAT = "seat"
    STREAM = "stream"
    CONTRACTS = "contracts"
    PROGRAMS = "programs"
    SAVES = "saves"
    BENCH = "bench"
    CLI = "cli"
    WEB = "web"


class Part(StrEnum):
    """A part that runs while it is worked on."""

    CORE = "core"
    RUNNER = "runner"
    WEB = "web"
    ALL = "all"


class Target(StrEnum):
    """What can be built."""

    CORE = "core"
    RUNNER = "runner"
    SEAT = "seat"
    STREAM = "stream"
    WEB = "web"
    ALL = "all"
    IMAGES = "images"


def _fail_if(failed: list[str]) -> None:
    if failed:
        errors.print(f"[red]not good:[/] {', '.join(failed)}")
        raise typer.Exit(1)


@app.command(rich_help_panel=PANEL)
def check(room: Annotated[Room | None, typer.Argument(help="One room; all where none is named.")] = None) -> None:
    """Look at style, types, imports and generated pages; change nothing."""
    from dillinger.checks import plan
    from dillinger.steps import run_steps

    _fail_if(run_steps(plan(find_tree(), room and room.value), console))


@app.command(rich_help_panel=PANEL)
def test(
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUITE]... [-- PYTEST ARGUMENTS]", help="Only these suites, such as an app's own."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Run the long ones too.")] = False,
    suite: Annotated[list[str] | None, typer.Option(help="The same, as an option.")] = None,
) -> None:
    """Run every suite: unit, component, end to end in a real browser, faults. What follows -- goes to pytest."""
    from dillinger.suites import Outcome, find_suites, load_permitted, run_suite, split_words, unlisted

    tree = find_tree()
    there = find_suites(tree)
    known = [one.name for one in there]
    named, for_pytest = split_words(suites or [], known)
    wanted = {*named, *(suite or [])}
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(f"{name} is none of {', '.join(known)}", param_hint="SUITE")
    total = Outcome()
    # Short: tests put sockets below it, and a unix socket's path may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="dl-test-", ignore_cleanup_errors=True) as scratch:
        for one in there:
            if not wanted or one.name in wanted:
                console.rule(f"[bold]{one.name}", align="left")
                sys.stdout.flush()
                total.add(run_suite(one, tree, full=full, scratch=Path(scratch), extra=for_pytest))
    console.rule("[bold]all of it", align="left")
    foreign = unlisted(total.skipped, load_permitted(tree.root / "tests/permitted-skips.txt"))
    for skip in total.skipped:
        mark = "[red]not on the list of permitted skips:[/] " if skip in foreign else ""
        console.print(f"  skipped {mark}{escape(skip.test)}: {escape(skip.reason)}", soft_wrap=True)
    for name in total.failed:
        console.print(f"  [red]failed[/]  {escape(name)}", soft_wrap=True)
    failed = len(total.failed) + len(foreign)
    print(f"{total.passed} passed, {failed} failed, {len(total.skipped) - len(foreign)} skipped")
    if failed:
        raise typer.Exit(1)


@app.command(rich_help_panel=PANEL)
def dev(part: Annotated[Part, typer.Argument(help="core, runner, web or all.")] = Part.ALL) -> None:
    """Run a part from the source tree and start it again when its source changes; the pages on port 5173."""
    from dillinger import dev as development
    from dillinger.apps import Overrides, make_plan

    names = ("runner", "core", "web") if part is Part.ALL else (part.value,)
    tree = find_tree()
    asyncio.run(development.run(make_plan(Overrides(), tree.web / "dist"), tree, names, console))


@app.command(rich_help_panel=PANEL)
def build(
    target: Annotated[Target, typer.Argument(help="core, runner, seat, stream, web, all, or images.")] = Target.ALL,
    image: Annotated[
        list[str] | None,
        typer.Argument(
            help="After images: core, runner, seat, postgres, proxy, cell, games, wine; all where none is named."
        ),
    ] = None,
    base: Annotated[
        str | None, typer.Option(envvar="DILLINGER_IMAGE_BASE", help="Images: another base than Debian's slim one.")
    ] = None,
) -> None:
    """Build an app's wheels with what it needs into dist/, the web part into web/dist/, or container images."""
    from dillinger import builds, images
    from dillinger.steps import run_steps

    if target is Target.IMAGES:
        _fail_if(images.build(find_tree(), image or (), console, base=base))
        return
    if image:
        raise typer.BadParameter(f"{target.value} takes no further names", param_hint="IMAGE")
    _fail_if(run_steps(builds.plan(find_tree(), target.value), console))


@app.command(
    rich_help_panel=PANEL,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def bench(context: typer.Context) -> None:
    """Measure what a user feels: latency, startup, load. `./dillinger bench --help` tells more."""
    import os

    os.execv(sys.executable, [sys.executable, "-m", "dillinger_bench", *context.args])  # noqa: S606 - no shell


@app.command(rich_help_panel=PANEL)
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if a page is not what the code says.")
    ] = False,
) -> None:
    """Write the generated pages of docs/reference: command line, settings, lifecycle, input protocol, API."""
    from dillinger import reference
    from dillinger.cli import app as whole

    tree = find_tree()
    found = reference.pages(whole)
    if check:
        if stale := reference.stale(tree.root, found):
            errors.print(f"[red]not what the code says:[/] {', '.join(map(str, stale))}. ./dillinger docs writes them.")
            raise typer.Exit(1)
        return
    for path in reference.write(tree.root, found):
        console.print(f"wrote {path}")


@app.command(rich_help_panel=PANEL)
def lock(
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Take the newest versions instead of the present pins.")
    ] = False,
) -> None:
    """Pin every dependency with its hashes into requirements.lock."""
    from dillinger.lockfile import plan
    from dillinger.steps import run_steps

    _fail_if(run_steps([plan(find_tree(), upgrade=upgrade)], console))
