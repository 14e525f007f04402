"""How one stream does: delay, start, cost, sound beside picture, and those who look on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from dillinger_bench.house import House
from dillinger_bench.measure import CASES, Bench, Case, Effort, Transport
from dillinger_bench.report import Cases, Report
from dillinger_bench.starts import Backend, compare, settings_of
from dillinger_bench.target import Target
from dillinger_bench.testcard.install import install
from dillinger_bench.viewer import open_browser
from dillinger_bench.watchers import measure as measure_watchers
from dillinger_contracts.errors import Invalid
from dillinger_contracts.paths import places

from .options import (
    Baseline,
    Csv,
    Json,
    Keys,
    Markdown,
    On,
    Over,
    Sizes,
    Starts,
    Url,
    WebDir,
    Window,
    cases_of,
    pages_of,
)
from .telling import Files, earlier, machine, show, teller

Kind = Literal["latency", "startup", "load"]
KINDS: tuple[Kind, ...] = ("startup", "latency", "load")
BOTH: tuple[Transport, ...] = ("websocket", "webrtc")


@contextmanager
def _target(url: str | None, web_dir: Path | None, settings: Mapping[str, str] | None = None) -> Iterator[Target]:
    """The Dillinger to measure: a running one, given the test card, or one of the bench's own."""
    if url is None:
        with House(web_dir=pages_of(web_dir), settings=settings) as house:
            yield house.target
        return
    password = os.environ.get("DILLINGER_BENCH_PASSWORD")
    if not password:
        raise Invalid("The password of a running Dillinger is not known", hint="Set DILLINGER_BENCH_PASSWORD")
    here = places()
    install(here.state_dir / "library")
    runner = os.environ.get("DILLINGER_CORE_RUNNER_URL", "http://127.0.0.1:3002")
    yield Target(url.rstrip("/"), runner, here.state_dir, here.runtime_dir, password=password)


def _measure(kinds: tuple[Kind, ...], target: Target, effort: Effort, transport: Transport, cases: list[Case]) -> Cases:
    """The figures of all `kinds` and `cases`."""
    found: Cases = {}
    with open_browser() as browser:
        bench = Bench(target, browser, effort, transport=transport, tell=teller())
        try:
            for case in cases:
                name = case.name if transport == "auto" else f"{case.name} {transport}"
                found[name] = {}
                for kind in kinds:
                    found[name] |= getattr(bench, kind)(case)
        finally:
            bench.close()
    return found


def latency(
    size: Sizes = None, url: Url = None, web_dir: WebDir = None, transport: Over = "auto", keys: Keys = 60,
    desktop: On = None,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """Key → pixel, from the display and from the page; on Wayland, from the page."""
    before, cases = earlier(baseline), cases_of(size, desktop)
    with _target(url, web_dir) as target:
        found = _measure(("latency",), target, Effort(keys=keys), transport, cases)
    show(Report(found, machine(), before), Files(json, csv, markdown))


def startup(
    size: Sizes = None, url: Url = None, web_dir: WebDir = None, transport: Over = "auto", starts: Starts = 3,
    backend: Annotated[Backend, typer.Option(help="Where the game runs.")] = "auto",
    warm: Annotated[bool, typer.Option("--warm", help="By turns, also with a seat that waits.")] = False,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """Click on Play → first picture."""
    effort, before, cases = Effort(starts=starts), earlier(baseline), cases_of(size)
    if url is not None and (backend != "auto" or warm):
        raise Invalid("--backend and --warm are of a Dillinger of the bench's own, and --url names another")
    if warm:
        found = compare(cases, effort, backend, pages_of(web_dir), transport, teller())
        report = Report(found, machine(backend=f"{backend} backend"), before, is_row_a_case=True)
    else:
        with _target(url, web_dir, settings_of(backend)) as target:
            report = Report(_measure(("startup",), target, effort, transport, cases), machine(), before)
    show(report, Files(json, csv, markdown))


def load(
    size: Sizes = None, url: Url = None, web_dir: WebDir = None, transport: Over = "auto", window_s: Window = 5.0,
    desktop: On = None,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """CPU, memory, frames a second and stages, while nothing, little and everything moves."""
    before, cases = earlier(baseline), cases_of(size, desktop)
    with _target(url, web_dir) as target:
        found = _measure(("load",), target, Effort(window_s=window_s), transport, cases)
    show(Report(found, machine(), before), Files(json, csv, markdown))


def everything(
    size: Sizes = None, url: Url = None, web_dir: WebDir = None, transport: Over = "auto", keys: Keys = 60,
    window_s: Window = 5.0, starts: Starts = 3,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """All of it."""
    before, cases = earlier(baseline), cases_of(size)
    with _target(url, web_dir) as target:
        found = _measure(KINDS, target, Effort(keys, window_s, starts), transport, cases)
    show(Report(found, machine(), before), Files(json, csv, markdown))


def watchers(
    rounds: Annotated[int, typer.Option(min=1, help="How often each number of watchers has its turn.")] = 3,
    keys: Annotated[int, typer.Option(min=5, help="How many keys are pressed for each latency figure.")] = 30,
    window_s: Window = 5.0, web_dir: WebDir = None,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """What those who only watch cost who plays: nobody, one, and four of which one is slow, in turns, at 720p60."""
    before, tell = earlier(baseline), teller()
    with _target(None, web_dir) as target, open_browser() as browser:
        bench = Bench(target, browser, Effort(keys, window_s), transport="websocket", tell=tell)
        try:
            found = measure_watchers(bench, target, rounds, window_s, tell)
        finally:
            bench.close()
    show(Report(found, machine(), before, is_row_a_case=True), Files(json, csv, markdown))


def lipsync(
    transport: Over = "auto",
    beeps: Annotated[int, typer.Option(min=5, help="How many moments are looked at.")] = 30,
    web_dir: WebDir = None, json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """How far apart picture and sound of one moment are; over both transports where none is named."""
    from dillinger_bench.lipsync import measure as measure_lipsync

    before, tell = earlier(baseline), teller()
    found: Cases = {}
    with _target(None, web_dir) as target, open_browser() as browser:
        for kind in (transport,) if transport != "auto" else BOTH:
            bench = Bench(target, browser, Effort(), transport=kind, tell=tell)
            try:
                tell(f"{beeps} beeps over {kind}")
                found[f"{CASES[0].name} {kind}"] = measure_lipsync(bench, target, CASES[0], beeps)
            finally:
                bench.close()
    show(Report(found, machine(), before), Files(json, csv, markdown))
