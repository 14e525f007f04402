"""The bench's arithmetic and its reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dillinger_bench import measure
from dillinger_bench.cli import app
from dillinger_bench.commands.options import cases_of
from dillinger_bench.figures import matched, percentile, ratios
from dillinger_bench.goals import judge
from dillinger_bench.launches import Launches, start
from dillinger_bench.overhead.measure import Drawn, figures_of
from dillinger_bench.report import Report, load_cases
from dillinger_bench.subjects import SUBJECTS, Subject
from dillinger_contracts.errors import Invalid, Unavailable, Unsupported

CASES = {"1280x720@60": {"key_to_pixel_p50": 14.25, "cpu_idle": 0.2}, "1920x1080@60": {"key_to_pixel_p50": 16.0}}


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0], 0.95, 3.0), ([1, 2, 3], 0.5, 2), ([4, 1, 2, 3], 0.5, 2.5), (list(range(101)), 0.95, 95), ([1, 2], 1.0, 2)],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_a_percentile_of_nothing_is_no_number() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_each_key_is_matched_with_its_own_pixel() -> None:
    assert matched([0, 100, 200], [15, 112, 230], 1000) == [15, 12, 30]


def test_a_key_that_never_showed_counts_as_the_deadline() -> None:
    assert matched([0, 100], [120], 1000) == [1000, 20]
    assert matched([0], [1500], 1000) == [1000]
    assert matched([50], [10], 1000) == [1000]


def test_ratios_are_ours_by_theirs_where_both_are() -> None:
    theirs = {"1280x720@60": {"key_to_pixel_p50": 19.0, "cpu_idle": 0.0, "memory": 1.0}}
    assert ratios(CASES, theirs) == {"1280x720@60": {"key_to_pixel_p50": 0.75}}


def test_json_comes_back_as_a_baseline() -> None:
    text = Report(CASES).json()
    assert json.loads(text)["ratios"] == {}
    assert load_cases(text, "a file") == CASES
    again = json.loads(Report(CASES, baseline=load_cases(text, "a file")).json())
    assert again["ratios"] == {
        "1280x720@60": {"key_to_pixel_p50": 1.0, "cpu_idle": 1.0},
        "1920x1080@60": {"key_to_pixel_p50": 1.0},
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cases": {"a": {"b": "x"}}}', '{"cases": 5}'])
def test_a_baseline_that_is_none_is_told(text: str) -> None:
    with pytest.raises(Invalid, match=r"b\.json is no report"):
        load_cases(text, "b.json")


def test_csv_and_markdown_tell_the_same() -> None:
    report = Report(CASES, baseline={"1280x720@60": {"key_to_pixel_p50": 28.5}})
    assert report.csv().splitlines() == [
        "case,figure,value,unit",
        "1280x720@60,key_to_pixel_p50,14.25,ms",
        "1280x720@60,cpu_idle,0.2,% of a core",
        "1920x1080@60,key_to_pixel_p50,16.0,ms",
    ]
    assert report.markdown().splitlines() == [
        "| figure | unit | 1280x720@60 | 1920x1080@60 |",
        "|---|---|---|---|",
        "| `key_to_pixel_p50` | ms | 14.2 (×0.50) | 16.0 |",
        "| `cpu_idle` | % of a core | 0.20 | – |",
    ]


def test_the_table_has_all_of_it() -> None:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(Report(CASES, {"cores": "2 cores"}).table())
    text = console.export_text()
    assert "2 cores" in text and "14.2" in text and "key_to_pixel_p50" in text
    assert "cpu_idle: seat and cell without the game, nothing moves" in Report(CASES).legend()


def test_an_unknown_size_is_told_with_the_known_ones() -> None:
    assert [case.name for case in cases_of(None)] == ["1280x720@60", "1920x1080@60"]
    assert [case.name for case in cases_of(["1280x720"])] == ["1280x720@60"]
    with pytest.raises(Invalid, match="640x480"):
        cases_of(["640x480"])
    both = [case.name for case in cases_of(["1280x720"], ["x11", "wayland"])]
    assert both == ["1280x720@60", "1280x720@60 wayland"]
    with pytest.raises(Invalid, match="no desktop mir"):
        cases_of(None, ["mir"])


def test_what_a_cell_costs_is_of_the_medians() -> None:
    drawn = {
        "host": [Drawn("x", fps, 10.0) for fps in (90, 100, 1)],
        "cell": [Drawn("x", fps, 10.5) for fps in (81, 500)],
        "watched": [Drawn("x", 45.0, 11.0)],
    }
    figures = figures_of(drawn)
    assert (figures["gl_fps_host"], figures["gl_cpu_cell"], figures["loss_watched"]) == (90, 10.5, 50)
    assert figures["loss_cell"] == pytest.approx(100 * (1 - 290.5 / 90))


def test_starts_are_told_by_their_median_and_their_slow_tail() -> None:
    figures = measure.figures_of(
        [measure.Start(click_s=click_s, session_s=click_s - 0.1) for click_s in (1.0, 2.0, 5.0)]
    )
    assert figures["click_to_first_frame"] == 2.0
    assert figures["click_to_first_frame_p95"] == pytest.approx(4.7)
    assert figures["first_frame"] == pytest.approx(1.9)


def test_starts_that_did_not_work_count_and_take_no_time() -> None:
    launches = Launches([1.0, 3.0], ["no picture", "no picture"])
    assert launches.figures() == {
        "launches": 4.0,
        "launch_success": 50.0,
        "click_to_first_frame_p50": 2.0,
        "click_to_first_frame_p95": pytest.approx(2.9),
    }
    assert Launches([], ["no picture"]).figures() == {"launches": 1.0, "launch_success": 0.0}
    assert Launches(left_out="no 32-bit half").figures() == {"launches": 0.0}, "it was not started: no failure"


class Player:
    """Plays as it is told."""

    def __init__(self, *outcomes: float | Exception) -> None:
        self._outcomes = list(outcomes)

    def play(self, subject: Subject) -> float:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_a_start_counts_as_what_came_of_it() -> None:
    player, launches = Player(1.5, Unavailable("no picture"), Unsupported("32 bit")), Launches()
    told = [start(player, SUBJECTS[0], launches) for _ in range(3)]
    assert told == ["1.50 s", "failed: no picture", "left out: 32 bit"]
    assert (launches.click_to_frame_s, launches.failures, launches.left_out) == ([1.5], ["no picture"], "32 bit")


def test_a_run_is_held_to_the_goals_and_to_an_earlier_run() -> None:
    """Which way is good is the figure's own; what was not measured is judged by nobody."""
    now = {"1280x720@60": {"key_to_pixel_p50": 21.0, "shown_fps": 59.0, "stage_decode": 1.2, "unknown": 1.0}}
    before = {"1280x720@60": {"key_to_pixel_p50": 20.0, "shown_fps": 60.0, "stage_decode": 0.9, "unknown": 0.1}}
    kept = {(verdict.figure, verdict.against): verdict.is_kept for verdict in judge(now, before, most_worse=0.25)}
    assert kept == {
        ("key_to_pixel_p50", "goal"): False,
        ("shown_fps", "goal"): True,
        ("stage_decode", "earlier run"): False,
    }
    slow = {"1280x720@60": {"shown_fps": 40.0}}
    assert [verdict.against for verdict in judge(slow, before, most_worse=0.25)] == ["goal", "earlier run"]
    assert judge({"640x480@60": {"shown_fps": 1.0}}, {}, most_worse=0.25) == []


def test_a_missed_goal_fails_a_job(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    for fps, code in ((59.0, 0), (54.0, 1)):
        report.write_text(Report({"1280x720@60": {"shown_fps": fps}}).json())
        told = CliRunner().invoke(app, ["judge", str(report)])
        assert (told.exit_code, "missed" in told.output) == (code, bool(code))
    with pytest.raises(Invalid, match="no report"):
        CliRunner().invoke(app, ["judge", str(tmp_path / "none.json")], catch_exceptions=False)
