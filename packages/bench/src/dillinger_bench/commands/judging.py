"""What was measured, held against the goals and an earlier run: for a job that runs every night."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from dillinger_bench.figures import FIGURES, ratios
from dillinger_bench.goals import EARLIER
from dillinger_bench.goals import judge as verdicts_on
from dillinger_contracts.errors import Invalid

from .options import Baseline
from .telling import earlier


def judge(
    report: Annotated[Path, typer.Argument(help="What another command wrote by --json.")],
    baseline: Baseline = None,
    most_worse: Annotated[
        float, typer.Option(min=0, help="By which share of the baseline a figure may be worse: machines are noisy.")
    ] = 0.25,
) -> None:
    """Hold a run against the goals and an earlier run; fails where one is missed or a figure got worse."""
    if not report.is_file():
        raise Invalid(f"There is no report {report}", hint="Make one with `dillinger bench all --json FILE`")
    cases, before = earlier(report), earlier(baseline)
    found = verdicts_on(cases, before, most_worse=most_worse)
    compared = sum(map(len, ratios(cases, before).values()))
    if not (found or compared):
        raise Invalid(f"{report} has no figure that there is a goal for", hint="Make one with `dillinger bench all`")
    if baseline is not None and not any(verdict.against == EARLIER for verdict in found):
        print(f"None of {compared} figures is worse than in {baseline} by more than {most_worse:.0%}.")
    if not found:
        return
    table = Table("case", Column("figure", no_wrap=True), "unit", "measured", "bound", "of", "")
    for verdict in found:
        figure = FIGURES[verdict.figure]
        numbers = (f"{value:.{figure.digits}f}" for value in (verdict.value, verdict.bound))
        word = "kept" if verdict.is_kept else "[bold red]missed"
        table.add_row(verdict.case, verdict.figure, figure.unit, *numbers, verdict.against, word)
    Console(highlight=False).print(table)
    if not all(verdict.is_kept for verdict in found):
        raise typer.Exit(1)
