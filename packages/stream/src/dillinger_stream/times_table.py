"""A second's stage times as lines for a terminal, with what to do about them. Pure."""

from __future__ import annotations

from dillinger_contracts.session import SeatStats
from dillinger_contracts.stages import MEANINGS, STAGES, Stage

from .advice import budget_ms

_BAR = 24


def lines(stats: SeatStats) -> list[str]:
    """Nothing where nothing was measured: a still picture takes no time."""
    p50, p95 = stats.stages_ms_p50, stats.stages_ms_p95
    if not p50:
        return []
    size_px = (stats.width_px or 0, stats.height_px or 0)
    longest = max(p50.values()) or 1.0
    found = [f"{'stage':<10} {'p50 ms':>8} {'p95 ms':>8}"]
    for stage in STAGES:
        if stage in p50:
            mark = " !" if _is_over(stage, p50[stage], size_px) else ""
            bar = "▇" * round(_BAR * p50[stage] / longest)
            found.append(f"{stage:<10} {p50[stage]:>8.2f} {p95.get(stage, 0.0):>8.2f}  {bar}{mark}")
    found.append(f"{'sum':<10} {sum(p50.values()):>8.2f}")
    for one in stats.advice:
        found += [f"! {one.reason}.", f"  → {one.action}."]
    return found


def legend() -> list[str]:
    """What the stages are."""
    return [f"{stage:<10} {MEANINGS[stage]}" for stage in STAGES]


def _is_over(stage: Stage, took_ms: float, size_px: tuple[int, int]) -> bool:
    budget = budget_ms(stage, size_px)
    return budget is not None and took_ms > budget
