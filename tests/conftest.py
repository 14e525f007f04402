"""What the tests that cross apps share: the built web part, and what a failed test leaves to look at."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from dillinger_bench.house import House

ROOT = Path(__file__).parents[1]
FAILED = pytest.StashKey[bool]()


def unit_of(nodeid: str) -> str:
    """What one process gets as a whole: a file, or all that uses a container engine, since some of it counts what that
    has."""
    file = nodeid.partition("::")[0]
    folder, _, name = file.rpartition("/docker/")
    return f"{folder}/docker" if folder and name else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where a suite runs in several processes."""
    scheduling = LoadFileScheduling(config, log)
    scheduling._split_scope = unit_of
    return scheduling


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Lets a fixture's teardown know whether its test failed."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
def web_dir() -> Path:
    """The built web part."""
    built = ROOT / "web/dist"
    assert (built / "index.html").is_file(), "the web part is not built: run `./dillinger setup`"
    return built


def explain(house: House) -> None:
    """Prints what the parts of `house` said last, for the report of a failed test."""
    for part in ("core", "runner"):
        if house.log(part).exists():
            print(f"--- {part}\n{house.log_tail(part)}")
    newest = sorted(house.state_dir.glob("runner/sessions/*"), key=lambda folder: folder.stat().st_mtime)[-2:]
    for log in (log for folder in newest for log in sorted(folder.glob("*.log"))):
        lines = log.read_text("utf-8", "replace").splitlines()
        print(f"--- {log.parent.name}/{log.name}", *lines[-20:], sep="\n")


@pytest.fixture
def has_failed(request: pytest.FixtureRequest) -> Callable[[], bool]:
    """Tells a fixture's teardown whether its test failed."""
    return lambda: request.node.stash.get(FAILED, False)


@pytest.fixture
def explained(has_failed: Callable[[], bool]) -> Iterator[list[House]]:
    """Houses that are put in here are explained when the test fails."""
    houses: list[House] = []
    yield houses
    if has_failed():
        for house in houses:
            explain(house)
