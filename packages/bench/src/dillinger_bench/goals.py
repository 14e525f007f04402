"""What the figures of a run are held to: goals that a release keeps, and an earlier run that it must not fall behind.

The goals are of a machine of two cores without a graphics card that has nothing else to do. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .figures import FIGURES, ratios
from .report import Cases

GOALS: Cases = {
    "1280x720@60": {
        "key_to_pixel_p50": 20,
        "key_to_pixel_p95": 30,
        "shown_fps": 55,
        "cpu_motion": 35,
        "cpu_idle": 2,
        "first_frame": 1.5,
        "click_to_first_frame": 4,
        "memory": 200,
    },
    "1920x1080@60": {"shown_fps": 30, "stage_encode": 20},
}


EARLIER = "earlier run"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure, and what it was held to."""

    case: str
    figure: str
    value: float
    bound: float
    is_kept: bool
    against: str
    """`goal` or `earlier run`."""


def judge(cases: Cases, earlier: Cases, *, most_worse: float) -> list[Verdict]:
    """Every goal for a figure that was measured, and every figure that is worse than in the earlier run by more than
    `most_worse`, a share of it."""
    return [*_against_goals(cases), *_against(cases, earlier, most_worse)]


def _against_goals(cases: Cases) -> Iterator[Verdict]:
    for case, goals in GOALS.items():
        for name, goal in goals.items():
            value = cases.get(case, {}).get(name)
            if value is not None:
                is_kept = value >= goal if FIGURES[name].is_more_better else value <= goal
                yield Verdict(case, name, value, goal, is_kept, "goal")


def _against(cases: Cases, earlier: Cases, most_worse: float) -> Iterator[Verdict]:
    for case, found in ratios(cases, earlier).items():
        for name, ratio in found.items():
            if name not in FIGURES:
                continue
            is_kept = ratio * (1 + most_worse) >= 1 if FIGURES[name].is_more_better else ratio <= 1 + most_worse
            if not is_kept:
                yield Verdict(case, name, cases[case][name], earlier[case][name], False, EARLIER)
