"""Every suite of tests, how it is run, and what came of it.

A suite is a folder of pytest tests in a process (and process group) of its own, or Vitest's. A hung suite is ended
after its deadline and counts as failed. A skip has to be on the list in `tests/permitted-skips.txt`, else it counts as
a failure.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from .tree import Tree, node_folder

DEADLINE_S = {False: 900, True: 4 * 3600}
"""For one suite: the short run, the full run."""
SIDE_BY_SIDE = {"stream": 3, "seat": 3, "runner": 2, "core": 3, "cli": 2, "faults": 2}
"""In how many processes the suites run whose tests mind nothing of the machine but their own; they wait more than they
compute, so two or three keep two cores busy. Of `faults`, one has all that uses the engine (see `tests/conftest.py`).
The others have a browser to themselves, which drops what it asks for when a container brings a network interface."""
NOTHING_COLLECTED = 5
"""Pytest's exit code for it."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A folder of tests and what runs them."""

    name: str
    folder: Path
    kind: Literal["pytest", "vitest"] = "pytest"
    workers: int = 1
    """Processes among which pytest shares the files."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A test that did not run, and why it says so."""

    test: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What came of one suite."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[Skip] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Takes another suite's counts in."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


@dataclass(frozen=True, slots=True)
class PermittedSkip:
    """A line of the list: which tests may be skipped, and with which reason."""

    test: str
    reason: str

    def covers(self, skip: Skip) -> bool:
        """Whether `skip` is this one."""
        return fnmatch.fnmatchcase(skip.test, self.test) and fnmatch.fnmatchcase(skip.reason, self.reason)


def find_suites(tree: Tree) -> list[Suite]:
    """All suites that have tests, lowest floor first, those that cross apps last."""
    rooms = {room.name: room.tests for room in tree.python_rooms}
    crossing = {folder.name: folder for folder in sorted((tree.root / "tests").iterdir()) if folder.is_dir()}
    folders = rooms | {name: folder for name, folder in crossing.items() if name != "cli"}
    suites = [
        Suite(name, folder, workers=SIDE_BY_SIDE.get(name, 1))
        for name, folder in folders.items()
        if any(folder.rglob("test_*.py"))
    ]
    if (tree.web / "package.json").is_file():
        suites.insert(0, Suite("web", tree.web, "vitest"))
    return suites


def split_words(words: Sequence[str], known: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of suites, and what is pytest's: the first option or path and all after it."""
    for at, word in enumerate(words):
        if word not in known and (word.startswith("-") or "/" in word or "::" in word):
            return tuple(words[:at]), tuple(words[at:])
    return tuple(words), ()


def load_permitted(file: Path) -> list[PermittedSkip]:
    """The list of permitted skips: a test's glob and a reason's glob a line, separated by two spaces or more."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines() if not line.startswith("#"))
    pairs = (line.split("  ", 1) for line in lines if line)
    return [PermittedSkip(test.strip(), reason.strip()) for test, reason in pairs]


def unlisted(skips: Iterable[Skip], permitted: Iterable[PermittedSkip]) -> list[Skip]:
    """The skips that no line of the list covers."""
    lines = list(permitted)
    return [skip for skip in skips if not any(line.covers(skip) for line in lines)]


def run_suite(suite: Suite, tree: Tree, *, full: bool, scratch: Path, extra: tuple[str, ...] = ()) -> Outcome:
    """Runs a suite with its output on ours; never raises for what a test does."""
    home = {"HOME": str(scratch / "home")}
    (scratch / "home").mkdir(exist_ok=True)
    if suite.kind == "vitest":
        report = scratch / "vitest.json"
        command: tuple[str, ...] = (
            str(tree.web / "node_modules/.bin/vitest"), "run", "--reporter=default", "--reporter=json",
            f"--outputFile.json={report}", "--configLoader=runner",  # the tree may not be ours to write to
        )  # fmt: skip
        environment = {"PATH": f"{node_folder()}:{os.environ.get('PATH', '/usr/bin:/bin')}", "CI": "1"}
        code = _run(command, suite.folder, home | environment, DEADLINE_S[full])
        outcome = read_vitest(report)
    else:
        report = scratch / f"{suite.name}.xml"
        marks = () if full else ("-m", "not full")
        side_by_side = ("-n", str(suite.workers), "--dist", "loadfile") if suite.workers > 1 else ()
        command = (
            sys.executable, "-m", "pytest", str(suite.folder), "-q", *marks, f"--junitxml={report}",
            f"--basetemp={scratch / 't'}", "-o", f"cache_dir={scratch / 'pytest'}", *side_by_side, *extra,
        )  # fmt: skip
        environment = {"HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / "hypothesis")}
        if full:
            environment["DILLINGER_FULL_TESTS"] = "1"  # see tests/cases.py
        code = _run(command, tree.root, home | environment, DEADLINE_S[full])
        outcome = read_junit(report)
        if code == NOTHING_COLLECTED:
            return outcome
    if code is None:
        outcome.failed.append(f"{suite.name}: not done after {DEADLINE_S[full]} s")
    elif code != 0 and not outcome.failed:
        outcome.failed.append(f"{suite.name}: ended with code {code} (see its output above)")
    return outcome


def _run(command: tuple[str, ...], folder: Path, environment: Mapping[str, str], deadline_s: float) -> int | None:
    """The exit code, or None after the deadline. Nothing of the process group is left afterwards."""
    # A suite has a home of its own and none of our settings: it can't touch a real installation by accident.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DILLINGER_", "XDG_"))}
    process = subprocess.Popen(
        command, cwd=folder, env={**inherited, **environment}, stdin=subprocess.DEVNULL, process_group=0
    )
    try:
        return process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        return None
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read_junit(report: Path) -> Outcome:
    """The counts of a report in JUnit's XML; what is not there counts nothing."""
    outcome = Outcome()
    if not report.is_file():
        return outcome
    # Written by our own pytest, moments ago.
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314
        name = f"{case.get('classname')}::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed.append(name)
        elif skipped is not None:
            outcome.skipped.append(Skip(name, skipped.get("message") or skipped.text or ""))
        else:
            outcome.passed += 1
    return outcome


def read_vitest(report: Path) -> Outcome:
    """The counts of Vitest's JSON report."""
    outcome = Outcome()
    if not report.is_file():
        return outcome
    for file in json.loads(report.read_text("utf-8"))["testResults"]:
        cases = file["assertionResults"]
        for case in cases:
            name = f"web::{Path(file['name']).name}::{case['fullName']}"
            if case["status"] == "passed":
                outcome.passed += 1
            elif case["status"] == "failed":
                outcome.failed.append(name)
            else:
                outcome.skipped.append(Skip(name, case["status"]))
        if file["status"] == "failed" and not any(case["status"] == "failed" for case in cases):
            outcome.failed.append(f"web::{Path(file['name']).name}: {file.get('message', '')}")
    return outcome
