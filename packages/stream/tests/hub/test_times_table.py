"""What a terminal is told of a second's stages."""

from __future__ import annotations

from datetime import UTC, datetime

from dillinger_contracts.session import SeatStats
from dillinger_contracts.stages import STAGES, Advice
from dillinger_stream.times_table import legend, lines


def stats(**more: object) -> SeatStats:
    return SeatStats.model_validate({"measured_at": datetime.now(UTC), "peers": 1, **more})


def test_a_still_picture_takes_no_time() -> None:
    assert lines(stats()) == []


def test_stages_come_in_their_order_with_a_mark_where_one_is_over_its_budget() -> None:
    p50 = {"decode": 1.5, "encode": 9.25, "capture": 0.5}
    told = lines(stats(stages_ms_p50=p50, stages_ms_p95={"encode": 12.5}, width_px=1280, height_px=720))
    assert [line.split()[0] for line in told] == ["stage", "capture", "encode", "decode", "sum"]
    assert told[2].split()[1:3] == ["9.25", "12.50"]
    assert [line.endswith("!") for line in told] == [False, False, True, False, False]
    assert told[-1].split() == ["sum", "11.25"]


def test_what_to_do_stands_below() -> None:
    advice = Advice(code="loss", reason="5.0% of the packets are lost", action="Use a cable")
    told = lines(stats(stages_ms_p50={"encode": 1.0}, advice=[advice]))
    assert told[-2:] == ["! 5.0% of the packets are lost.", "  → Use a cable."]


def test_the_legend_has_every_stage() -> None:
    assert [line.split()[0] for line in legend()] == list(STAGES)
