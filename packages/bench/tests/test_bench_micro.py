"""The micro-benchmarks run: each part is done once. What they cost is the command's to tell, on a machine at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from dillinger_bench.commands.judging import judge
from dillinger_bench.figures import FIGURES
from dillinger_bench.micro.cases import CASES
from dillinger_bench.micro.measure import measure
from dillinger_bench.report import Report
from dillinger_contracts.errors import Invalid


@pytest.mark.parametrize("name", CASES)
def test_each_part_can_be_done_again_and_again(name: str) -> None:
    once = CASES[name]()
    for _ in range(3):
        once()


def test_each_part_is_a_figure_that_reports_know() -> None:
    assert {name for name in FIGURES if name.startswith("micro_")} == set(CASES)
    assert {FIGURES[name].unit for name in CASES} == {"µs"}


@pytest.mark.full
def test_they_are_timed_in_processes_of_their_own() -> None:
    found = measure(["micro_header", "micro_input"], processes=1)
    assert set(found) == {"micro_header", "micro_input"}
    assert all(value > 0 for value in found.values())


def test_a_run_that_has_no_goals_is_held_against_an_earlier_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now, before = tmp_path / "now.json", tmp_path / "before.json"
    now.write_text(Report({"micro": {"micro_header": 1.2}}).json())
    before.write_text(Report({"micro": {"micro_header": 1.1}}).json())
    judge(now, baseline=before, most_worse=0.25)
    assert "None of 1 figures" in capsys.readouterr().out
    with pytest.raises(Exception, match="1") as missed:
        judge(now, baseline=before, most_worse=0.05)
    assert getattr(missed.value, "exit_code", None) == 1
    with pytest.raises(Invalid):
        judge(now)
