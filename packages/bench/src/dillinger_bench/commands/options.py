"""Options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from dillinger_bench.measure import CASES, Case, Desktop, Transport
from dillinger_contracts.errors import Invalid

Sizes = Annotated[list[str] | None, typer.Option("--size", help="1280x720 or 1920x1080; both where none is given.")]
Url = Annotated[
    str | None, typer.Option(help="Measure the Dillinger that runs here (its password in DILLINGER_BENCH_PASSWORD).")
]
WebDir = Annotated[Path | None, typer.Option(help="The built web part for a Dillinger of the bench's own.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures here, as JSON.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the figures here, as CSV.")]
Markdown = Annotated[Path | None, typer.Option(help="Write the figures here, as a Markdown table.")]
Baseline = Annotated[Path | None, typer.Option(help="JSON of an earlier run (or of a peer) to compare with.")]
Keys = Annotated[int, typer.Option(min=5, help="How many keys are pressed for each latency figure.")]
Window = Annotated[float, typer.Option("--window-s", min=1, help="Seconds over which CPU and frames are counted.")]
Starts = Annotated[int, typer.Option(min=1, help="How many starts the startup figures are the median of.")]
Over = Annotated[Transport, typer.Option(help="What carries the picture.")]
On = Annotated[
    list[str] | None,
    typer.Option("--desktop", help="x11 or wayland, or both: what the test card, a program of X11, is drawn on."),
]
Place = Annotated[Literal["process", "docker"], typer.Option("--backend", help="Where the games run.")]


def cases_of(sizes: list[str] | None, desktops: list[str] | None = None) -> list[Case]:
    """The cases of these sizes, all where none is named, each on these desktops; raises `Invalid`."""
    known = {f"{case.width_px}x{case.height_px}": case for case in CASES}
    kinds: dict[str, Desktop] = {kind: kind for kind in get_args(Desktop)}
    for what, all_of_them, names in (("case", known.keys(), sizes), ("desktop", kinds.keys(), desktops)):
        for name in names or []:
            if name not in all_of_them:
                raise Invalid(f"There is no {what} {name}", hint=f"Known are {', '.join(all_of_them)}")
    return [known[size].on(kinds[desktop]) for size in sizes or known for desktop in desktops or ["x11"]]


def pages_of(web_dir: Path | None) -> Path:
    """The built web part: the tree's where none is named."""
    return (web_dir or Path("web/dist")).absolute()
