"""What the small parts cost."""

from __future__ import annotations

from typing import Annotated

import typer

from dillinger_bench.report import Report
from dillinger_contracts.errors import Invalid

from .options import Baseline, Csv, Json, Markdown
from .telling import Files, earlier, machine, show, teller

CASE = "micro"


def micro(
    only: Annotated[list[str] | None, typer.Option("--only", help="A figure's name; several can be given.")] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=100, help="In how many processes each is timed: more, and it is less by chance.")
    ] = 6,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """Packing, pacing, rate control, damage, conversion and the like, in microseconds a picture; needs no Dillinger."""
    from dillinger_bench.micro.cases import CASES
    from dillinger_bench.micro.measure import measure

    for name in only or []:
        if name not in CASES:
            raise Invalid(f"There is no {name}", hint=f"Known are {', '.join(CASES)}")
    files, before = Files(json, csv, markdown), earlier(baseline)
    files.ensure_writable()
    parts = len(only or CASES)
    teller()(f"{parts} parts in {processes} processes each: about {2 * parts * processes} s on a machine at rest")
    show(Report({CASE: measure(only or [], processes=processes)}, machine(), before), files)
