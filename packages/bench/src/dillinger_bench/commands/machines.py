"""What a machine carries: whether games start, how many seats, and what being in a cell costs a game."""

from __future__ import annotations

from typing import Annotated

import typer

from dillinger_bench.density import MOST_SEATS, Wish, carried, variants
from dillinger_bench.density import measure as measure_density
from dillinger_bench.house import House
from dillinger_bench.launches import run_rounds
from dillinger_bench.overhead.measure import measure as measure_overhead
from dillinger_bench.report import Cases, Report
from dillinger_bench.starts import settings_of
from dillinger_bench.subjects import SUBJECTS, prepare
from dillinger_contracts.errors import Invalid

from .options import Baseline, Csv, Json, Markdown, Place, WebDir, Window, pages_of
from .telling import Files, earlier, machine, show, teller


def launches(
    backend: Place = "process",
    rounds: Annotated[int, typer.Option(min=1, help="How often each is started.")] = 5,
    only: Annotated[
        list[str] | None,
        typer.Option("--game", help=f"One of {', '.join(one.game_id for one in SUBJECTS)}; all where none is given."),
    ] = None,
    web_dir: WebDir = None, json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """Does Play work: every subject from a click in the browser to its first picture and a clean end, many times."""
    known = {one.game_id: one for one in SUBJECTS}
    for game_id in only or []:
        if game_id not in known:
            raise Invalid(f"There is no subject {game_id}", hint=f"There are {', '.join(known)}")
    chosen = tuple(known[game_id] for game_id in only or known)
    files, tell = Files(json, csv, markdown), teller()
    files.ensure_writable()
    report = Report({}, machine(backend=f"{backend} backend"), earlier(baseline), is_row_a_case=True)

    def after(cases: Cases) -> None:
        report.cases.update(cases)
        files.write(report)

    with House(web_dir=pages_of(web_dir), settings=settings_of(backend)) as house:
        prepare(house, chosen, tell, has_own_wine=backend == "docker")
        run_rounds(house.target, chosen, rounds, tell, after)
    show(report, files)


def density(
    backend: Place = "process",
    rates: Annotated[list[float] | None, typer.Option("--rate", min=1, max=60, help="Pictures a second.")] = None,
    most: Annotated[int, typer.Option(min=1, max=MOST_SEATS, help="No more seats than these.")] = MOST_SEATS,
    limit_s: Annotated[float, typer.Option(min=1, help="Of each rate: no seat is added after so long.")] = 600.0,
    burner: Annotated[bool, typer.Option("--burner", help="Beside a game that takes all processors it gets.")] = False,
    window_s: Window = 5.0,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """How many seats this machine carries at 720p: test cards in full motion, one more until pictures are missing.

    The files are written again with each seat. With the other backend's figures as `--baseline`, the two are compared.
    """
    files, tell = Files(json, csv, markdown), teller()
    report = Report({}, machine(backend=f"{backend} backend"), earlier(baseline), is_row_a_case=True)

    def after(cases: Cases) -> None:
        report.cases.update(cases)
        files.write(report)

    for rate_hz in rates or [30.0, 60.0]:
        wish = Wish(rate_hz, window_s, most, limit_s, has_burner=burner)
        with House(settings=settings_of(backend), variants=variants()) as house:
            found = measure_density(house, wish, tell, after)
        tell(f"{carried(found)} seats at {rate_hz:g} pictures a second")
    show(report, files)


def overhead(
    backend: Place = "process",
    rounds: Annotated[int, typer.Option(min=1, help="How often each side has its turn.")] = 3,
    cell_image: Annotated[str | None, typer.Option(help="Of containers; one whose Mesa is this machine's.")] = None,
    window_s: Window = 5.0,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """What a cell and a stream cost an OpenGL game: its frames a second beside Dillinger and in it, in turns."""
    before = earlier(baseline)
    image = {"DILLINGER_RUNNER_DOCKER_NATIVE_IMAGE": cell_image} if cell_image else {}
    with House(settings=settings_of(backend) | image) as house:
        cases = measure_overhead(house, rounds, window_s, teller())
    report = Report(cases, machine(backend=f"{backend} backend"), before, is_row_a_case=True)
    show(report, Files(json, csv, markdown))
