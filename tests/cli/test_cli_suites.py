"""How `./dillinger test` counts: by running it on small suites that pass, fail, skip, hang and crash."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from tests.conftest import unit_of

from dillinger import suites
from dillinger.suites import Outcome, PermittedSkip, Skip, Suite, load_permitted, read_vitest, run_suite, unlisted
from dillinger.tree import Tree


def outcome_of(folder: Path, code: str) -> Outcome:
    """What comes of a suite with this one file."""
    tests = folder / "suite"
    tests.mkdir()
    (tests / "test_it.py").write_text(textwrap.dedent(code))
    return run_suite(Suite("it", tests), Tree(folder), full=False, scratch=folder)


def test_counts_passes_failures_and_skips(tmp_path: Path) -> None:
    outcome = outcome_of(
        tmp_path,
        """
        import pytest
        def test_good(): pass
        def test_bad(): assert 0
        def test_not_here(): pytest.skip("no moon")
        @pytest.fixture
        def broken(): raise RuntimeError
        def test_error(broken): pass
        """,
    )
    assert outcome.passed == 1
    assert [name.rpartition("::")[2] for name in outcome.failed] == ["test_bad", "test_error"]
    assert [(skip.test.rpartition("::")[2], skip.reason) for skip in outcome.skipped] == [("test_not_here", "no moon")]


def test_file_that_can_not_be_imported_fails(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, "import no_such_module\n").failed


def test_crash_of_the_interpreter_fails(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, "import os\ndef test_it(): os.abort()\n").failed


def test_hung_suite_is_ended_with_all_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = tmp_path / "pid"
    for deadline_s in (5, 20, 60):  # a busy machine may not have come to the test by then
        monkeypatch.setattr(suites, "DEADLINE_S", {False: deadline_s, True: deadline_s})
        folder = tmp_path / str(deadline_s)
        folder.mkdir()
        outcome = outcome_of(
            folder,
            f"""
            import pathlib, subprocess, threading
            def test_it():
                child = subprocess.Popen(["sleep", "600"])
                pathlib.Path({str(pid)!r}).write_text(str(child.pid))
                threading.Event().wait()
            """,
        )
        assert outcome.failed == [f"it: not done after {deadline_s} s"]
        if pid.exists():
            break
    child = Path(f"/proc/{pid.read_text()}/cmdline")
    assert not child.exists() or b"sleep" not in child.read_bytes()  # gone, or a zombie that init has to reap


def test_empty_suite_is_no_failure(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, "")
    assert (outcome.passed, outcome.failed) == (0, [])


def test_unlisted_skip_is_found(tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text("# a comment\n\ntests.x::test_a*  no moon*\n")
    permitted = load_permitted(file)
    assert permitted == [PermittedSkip("tests.x::test_a*", "no moon*")]
    listed, foreign = Skip("tests.x::test_ab[1]", "no moon tonight"), Skip("tests.x::test_ab[1]", "too lazy")
    assert unlisted([listed, foreign], permitted) == [foreign]


def test_vitest_report_is_read(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(
        '{"testResults": [{"name": "/w/a.test.ts", "status": "failed", "assertionResults": ['
        '{"fullName": "adds", "status": "passed"}, {"fullName": "divides", "status": "failed"}, '
        '{"fullName": "flies", "status": "pending"}]}, '
        '{"name": "/w/b.test.ts", "status": "failed", "message": "no parse", "assertionResults": []}]}'
    )
    outcome = read_vitest(report)
    assert outcome.passed == 1
    assert outcome.failed == ["web::a.test.ts::divides", "web::b.test.ts: no parse"]
    assert outcome.skipped == [Skip("web::a.test.ts::flies", "pending")]


@pytest.mark.parametrize(
    ("words", "named", "for_pytest"),
    [
        ("", "", ""),
        ("core", "core", ""),
        ("core runner", "core runner", ""),
        ("core -k login", "core", "-k login"),
        ("-x core", "", "-x core"),
        ("core apps/core/tests/test_x.py::test_y", "core", "apps/core/tests/test_x.py::test_y"),
        ("kitchen", "kitchen", ""),
    ],
)
def test_suites_come_first_and_the_rest_is_pytest_s(words: str, named: str, for_pytest: str) -> None:
    assert suites.split_words(words.split(), ["core", "runner"]) == (tuple(named.split()), tuple(for_pytest.split()))


def test_one_process_has_all_that_uses_the_engine() -> None:
    assert unit_of("tests/faults/test_a.py::test_it[x::docker/y]") == "tests/faults/test_a.py"
    assert unit_of("tests/faults/docker/test_a.py::test_it") == unit_of("tests/faults/docker/test_b.py::Those::test_it")


def test_suites_of_the_tree_are_found() -> None:
    found = {suite.name for suite in suites.find_suites(Tree(Path(__file__).parents[2]))}
    assert {"cli", "contracts"} <= found
