"""Ours beside other programs that stream a desktop, in one run."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from dillinger_contracts.paths import places

from .options import Csv, Json, Markdown, Over, Sizes, WebDir, cases_of, pages_of
from .telling import Files, machine, teller


def peers(
    size: Sizes = None, web_dir: WebDir = None, transport: Over = "auto",
    only: Annotated[
        list[str] | None, typer.Option("--peer", help="selkies-websocket, selkies-webrtc or gstreamer; all where none.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each product has its turn.")] = 3,
    sessions: Annotated[
        list[int] | None, typer.Option(min=1, max=8, help="So many at once; can be given several times.")
    ] = None,
    keys: Annotated[int, typer.Option(min=5, help="How many keys are pressed for each latency figure.")] = 25,
    window_s: Annotated[float, typer.Option(min=1, help="Seconds over which CPU and frames are counted.")] = 3.0,
    json: Json = None, csv: Csv = None, markdown: Markdown = None,
) -> None:  # fmt: skip
    """Dillinger beside Selkies and a plain GStreamer pipeline, in turns: medians and ratios. It installs Selkies."""
    # numpy takes a while, and few commands need it
    from dillinger_bench.peers import command as comparison
    from dillinger_bench.peers.measure import Effort

    files, tell = Files(json, csv, markdown), teller()
    files.ensure_writable()
    wishes = comparison.Wishes(
        cases_of(size), comparison.known(only), rounds, sorted(set(sessions or [1])),
        Effort(keys, window_s), transport, pages_of(web_dir), places().state_dir / "bench",
    )  # fmt: skip
    tell(f"on the cores {comparison.keep_to_cores(comparison.CORES)}")
    report = comparison.compare(wishes, machine(), tell, files.write)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else comparison.WIDTH)
    for table in report.tables():
        console.print(table)
    console.print(report.legend(), style="dim")
