"""`dillinger bench`: starts a Dillinger of its own (or takes one that runs), measures, and tells."""

from __future__ import annotations

import getpass
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from dillinger_contracts.errors import DillingerError, Invalid
from dillinger_contracts.paths import places

from .density import MOST_SEATS, carried
from .density import Wish as DensityWish
from .density import measure as measure_density
from .density import variants as seat_variants
from .house import House
from .launches import run_rounds
from .measure import CASES, Bench, Case, Desktop, Effort, Transport
from .network.run import TRANSPORTS, by_name, run_scenarios
from .overhead.measure import measure as measure_overhead
from .report import Cases, Report, load_cases
from .starts import Backend, compare, settings_of
from .subjects import SUBJECTS, prepare
from .target import Target
from .testcard.install import install
from .viewer import open_browser
from .watchers import measure as measure_watchers

Kind = Literal["latency", "startup", "load"]
BOTH: tuple[Transport, ...] = ("websocket", "webrtc")
KINDS: tuple[Kind, ...] = ("startup", "latency", "load")

_WIDE_COLUMNS = 200

app = typer.Typer(
    name="bench",
    help="Measure, at the browser, as a user sees it. `--size 1280x720` can be given several times.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

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
Scenarios = Annotated[
    list[str] | None, typer.Option("--scenario", help=f"One of {', '.join(by_name())}; all where none is given.")
]
Transports = Annotated[
    list[str] | None, typer.Option("--transport", help=f"{', '.join(TRANSPORTS)}; all where none is given.")
]
Seed = Annotated[int, typer.Option(help="Of the link's losses and delays.")]
Over = Annotated[Transport, typer.Option(help="What carries the picture.")]
On = Annotated[Desktop, typer.Option("--desktop", help="What the test card, a program of X11, is drawn on.")]


def cases_of(sizes: list[str] | None) -> list[Case]:
    """The cases of these sizes, all where none is named; raises `Invalid` for an unknown one."""
    known = {f"{case.width_px}x{case.height_px}": case for case in CASES}
    for size in sizes or []:
        if size not in known:
            raise Invalid(f"There is no case {size}", hint=f"Known are {', '.join(known)}")
    return [known[size] for size in sizes or known]


def machine() -> dict[str, str]:
    """What this runs on, for the report."""
    return {
        "system": platform.platform(terse=True),
        "cores": f"{os.cpu_count()} cores",
        "python": sys.version.split()[0],
    }


@contextmanager
def _target(url: str | None, web_dir: Path | None, settings: Mapping[str, str] | None) -> Iterator[Target]:
    """The Dillinger to measure: a running one, given the test card, or one of the bench's own."""
    if url is None:
        with House(web_dir=(web_dir or Path("web/dist")).absolute(), settings=settings) as house:
            yield house.target
        return
    password = os.environ.get("DILLINGER_BENCH_PASSWORD")
    if not password:
        raise Invalid("The password of a running Dillinger is not known", hint="Set DILLINGER_BENCH_PASSWORD")
    here = places()
    install(here.state_dir / "library")
    runner = os.environ.get("DILLINGER_CORE_RUNNER_URL", "http://127.0.0.1:3002")
    yield Target(url.rstrip("/"), runner, here.state_dir, here.runtime_dir, password=password)


def measure(
    kinds: tuple[Kind, ...], cases: list[Case], target: Target, effort: Effort, transport: Transport, console: Console
) -> Cases:
    """The figures of all `kinds` and `cases`."""
    found: Cases = {}
    with open_browser() as browser:
        bench = Bench(target, browser, effort, transport=transport, tell=console.print)
        try:
            for case in cases:
                name = case.name if transport == "auto" else f"{case.name} {transport}"
                found[name] = {}
                for kind in kinds:
                    found[name] |= getattr(bench, kind)(case)
        finally:
            bench.close()
    return found


def ensure_writable(files: Iterable[Path]) -> None:
    """Raises `Invalid` for a file that could not be written after minutes of measuring."""
    for file in files:
        try:
            file.open("a").close()
        except OSError as error:
            who = getpass.getuser()
            raise Invalid(f"{file} can't be written: {error}", hint=f"Name a file that {who} may write") from error


def _write(report: Report, json: Path | None, csv: Path | None, markdown: Path | None) -> None:
    for file, text in ((json, report.json), (csv, report.csv), (markdown, report.markdown)):
        if file is not None:
            file.write_text(text(), "utf-8")


def _run(
    kinds: tuple[Kind, ...],
    *,
    size: list[str] | None, url: str | None, web_dir: Path | None, transport: Transport, effort: Effort,
    json: Path | None, csv: Path | None, markdown: Path | None, baseline: Path | None,
    settings: Mapping[str, str] | None = None, desktop: Desktop = "x11",
) -> None:  # fmt: skip
    cases = [case.on(desktop) for case in cases_of(size)]
    before = load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}
    told = Console(stderr=True, highlight=False)
    with _target(url, web_dir, settings) as target:
        report = Report(measure(kinds, cases, target, effort, transport, told), machine(), before)
    console = Console(highlight=False)
    console.print(report.table())
    console.print(report.legend(), style="dim")
    _write(report, json, csv, markdown)


@app.command()
def latency(
    size: Sizes = None, url: Url = None, web_dir: WebDir = None, transport: Over = "auto", keys: Keys = 60,
    desktop: On = "x11",
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """Key → pixel, from the display and from the page; on Wayland, from the page."""
    _run(("latency",), size=size, url=url, web_dir=web_dir, transport=transport, effort=Effort(keys=keys),
         json=json, csv=csv, markdown=markdown, baseline=baseline, desktop=desktop)  # fmt: skip


@app.command()
def startup(
    size: Sizes = None, url: Url = None, web_dir: WebDir = None, transport: Over = "auto", starts: Starts = 3,
    backend: Annotated[Backend, typer.Option(help="Where the game runs.")] = "auto",
    warm: Annotated[bool, typer.Option("--warm", help="By turns, also with a seat that waits.")] = False,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """Click on Play → first picture."""
    effort = Effort(starts=starts)
    if url is not None and (backend != "auto" or warm):
        raise Invalid("--backend and --warm are of a Dillinger of the bench's own, and --url names another")
    if not warm:
        settings = settings_of(backend)
        _run(("startup",), size=size, url=url, web_dir=web_dir, transport=transport, effort=effort,
             json=json, csv=csv, markdown=markdown, baseline=baseline, settings=settings)  # fmt: skip
        return
    before = load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}
    told = Console(stderr=True, highlight=False)
    pages = (web_dir or Path("web/dist")).absolute()
    cases = compare(cases_of(size), effort, backend, pages, transport, told.print)
    _show(Report(cases, machine() | {"backend": f"{backend} backend"}, before, is_row_a_case=True), json, csv, markdown)


@app.command()
def load(
    size: Sizes = None, url: Url = None, web_dir: WebDir = None, transport: Over = "auto", window_s: Window = 5.0,
    desktop: On = "x11",
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """CPU, memory, frames a second and stages, while nothing, little and everything moves."""
    _run(("load",), size=size, url=url, web_dir=web_dir, transport=transport, effort=Effort(window_s=window_s),
         json=json, csv=csv, markdown=markdown, baseline=baseline, desktop=desktop)  # fmt: skip


@app.command()
def network(
    scenario: Scenarios = None, transport: Transports = None, seed: Seed = 1, web_dir: WebDir = None,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """Delay, loss, jitter and thin links between a browser and a Dillinger of the bench's own."""
    before = load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}
    told = Console(stderr=True, highlight=False)
    cases = run_scenarios(scenario, transport, seed=seed, web_dir=web_dir or Path("web/dist"), tell=told.print)
    _show(Report(cases, machine(), before, is_row_a_case=True), json, csv, markdown)


@app.command("all")
def everything(
    size: Sizes = None, url: Url = None, web_dir: WebDir = None, transport: Over = "auto", keys: Keys = 60,
    window_s: Window = 5.0, starts: Starts = 3,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """All of it."""
    _run(KINDS, size=size, url=url, web_dir=web_dir, transport=transport, effort=Effort(keys, window_s, starts),
         json=json, csv=csv, markdown=markdown, baseline=baseline)  # fmt: skip


@app.command()
def launches(
    backend: Annotated[Literal["process", "docker"], typer.Option(help="Where the games run.")] = "process",
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
    ensure_writable([file for file in (json, csv, markdown) if file is not None])
    before = load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}
    told = Console(stderr=True, highlight=False)
    report = Report({}, machine() | {"backend": f"{backend} backend"}, before, is_row_a_case=True)

    def tell(text: str) -> None:
        told.print(text, soft_wrap=True)

    def after(cases: Cases) -> None:
        report.cases.update(cases)
        _write(report, json, csv, markdown)

    with House(web_dir=(web_dir or Path("web/dist")).absolute(), settings=settings_of(backend)) as house:
        prepare(house, chosen, tell, has_own_wine=backend == "docker")
        run_rounds(house.target, chosen, rounds, tell, after)
    _show(report, json, csv, markdown)


@app.command()
def density(
    backend: Annotated[Literal["process", "docker"], typer.Option(help="Where the games run.")] = "process",
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
    before = load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}
    told = Console(stderr=True, highlight=False)
    report = Report({}, machine() | {"backend": f"{backend} backend"}, before, is_row_a_case=True)

    def after(cases: Cases) -> None:
        report.cases.update(cases)
        _write(report, json, csv, markdown)

    for rate_hz in rates or [30.0, 60.0]:
        wish = DensityWish(rate_hz, window_s, most, limit_s, has_burner=burner)
        with House(settings=settings_of(backend), variants=seat_variants()) as house:
            found = measure_density(house, wish, lambda text: told.print(text, soft_wrap=True), after)
        told.print(f"{carried(found)} seats at {rate_hz:g} pictures a second")
    _show(report, json, csv, markdown)


@app.command()
def overhead(
    backend: Annotated[Literal["process", "docker"], typer.Option(help="Where the games run.")] = "process",
    rounds: Annotated[int, typer.Option(min=1, help="How often each side has its turn.")] = 3,
    cell_image: Annotated[str | None, typer.Option(help="Of containers; one whose Mesa is this machine's.")] = None,
    window_s: Window = 5.0,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """What a cell and a stream cost an OpenGL game: its frames a second beside Dillinger and in it, in turns."""
    before = load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}
    told = Console(stderr=True, highlight=False)
    image = {"DILLINGER_RUNNER_DOCKER_NATIVE_IMAGE": cell_image} if cell_image else {}
    with House(settings=settings_of(backend) | image) as house:
        cases = measure_overhead(house, rounds, window_s, lambda text: told.print(text, soft_wrap=True))
    _show(Report(cases, machine() | {"backend": f"{backend} backend"}, before, is_row_a_case=True), json, csv, markdown)


@app.command()
def watchers(
    rounds: Annotated[int, typer.Option(min=1, help="How often each number of watchers has its turn.")] = 3,
    keys: Annotated[int, typer.Option(min=5, help="How many keys are pressed for each latency figure.")] = 30,
    window_s: Window = 5.0, web_dir: WebDir = None,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """What those who only watch cost who plays: nobody, one, and four of which one is slow, in turns, at 720p60."""
    before = load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}
    told = Console(stderr=True, highlight=False)
    with _target(None, web_dir, None) as target, open_browser() as browser:
        bench = Bench(target, browser, Effort(keys, window_s), transport="websocket", tell=told.print)
        try:
            cases = measure_watchers(bench, target, rounds, window_s, told.print)
        finally:
            bench.close()
    _show(Report(cases, machine(), before, is_row_a_case=True), json, csv, markdown)


def _show(report: Report, json: Path | None, csv: Path | None, markdown: Path | None) -> None:
    """Prints a report with a row a case, and writes it."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE_COLUMNS)
    console.print(report.table())
    console.print(report.legend(), style="dim")
    _write(report, json, csv, markdown)


@app.command()
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
    # numpy takes a while, and no other command needs it
    from .peers import command as comparison
    from .peers.catalogue import PeerReport
    from .peers.measure import Effort as PeerEffort

    told = Console(stderr=True, highlight=False)
    ensure_writable([file for file in (json, csv, markdown) if file is not None])
    wishes = comparison.Wishes(
        cases_of(size), comparison.known(only), rounds, sorted(set(sessions or [1])),
        PeerEffort(keys, window_s), transport, (web_dir or Path("web/dist")).absolute(),
        places().state_dir / "bench",
    )  # fmt: skip
    cores = comparison.keep_to_cores(comparison.CORES)
    told.print(f"on the cores {cores}")

    def write(report: PeerReport) -> None:
        for file, text in ((json, report.json), (csv, report.csv), (markdown, report.markdown)):
            if file is not None:
                file.write_text(text(), "utf-8")

    report = comparison.compare(wishes, machine(), told.print, write)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else comparison.WIDTH)
    for table in report.tables():
        console.print(table)
    console.print(report.legend(), style="dim")


@app.command()
def lipsync(
    transport: Over = "auto",
    beeps: Annotated[int, typer.Option(min=5, help="How many moments are looked at.")] = 30,
    web_dir: WebDir = None, json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """How far apart picture and sound of one moment are; over both transports where none is named."""
    from .lipsync import measure as measure_lipsync

    before = load_cases(baseline.read_text("utf-8"), str(baseline)) if baseline else {}
    told = Console(stderr=True, highlight=False)
    found: Cases = {}
    with _target(None, web_dir, None) as target, open_browser() as browser:
        for kind in (transport,) if transport != "auto" else BOTH:
            bench = Bench(target, browser, Effort(), transport=kind, tell=told.print)
            try:
                told.print(f"{beeps} beeps over {kind}")
                found[f"{CASES[0].name} {kind}"] = measure_lipsync(bench, target, CASES[0], beeps)
            finally:
                bench.close()
    report = Report(found, machine(), before)
    console = Console(highlight=False)
    console.print(report.table())
    console.print(report.legend(), style="dim")
    _write(report, json, csv, markdown)


def main() -> None:
    """Entry point of `python -m dillinger_bench`."""
    try:
        app(prog_name="dillinger bench")
    except DillingerError as error:
        print(f"bench: {error.message}", *([error.hint] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(1)
