"""What is said to somebody whose stream is slow: the right thing, with its figures, and nothing to whom all is well."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from dillinger_contracts.stages import Stage
from dillinger_stream.advice import MOST_TOLD, RULES, Situation, advise, budget_ms

WELL = Situation(
    p50={"wait": 0.1, "capture": 0.4, "convert": 0.3, "encode": 3.0, "queue": 0.2, "packetise": 0.1, "send": 0.3,
         "relay": 0.1, "network": 1.0, "delivery": 0.8, "decode": 1.6, "paint": 0.1},
    p95={}, transport="websocket", capture_fps=60, shown_fps=59, is_steady=True, cpu_share=0.97, loss_ratio=0.0,
    wish_bps=12_000_000,
)  # fmt: skip


def spending(**stages: float) -> Situation:
    return replace(WELL, p50={**WELL.p50, **cast("dict[Stage, float]", stages)})


CASES: dict[str, tuple[Situation, str, str]] = {
    "cpu_starved": (replace(spending(encode=7.0), cpu_share=0.4), "40%", "End what else runs"),
    "encode_slow": (spending(encode=14.2), "14.5 ms a picture of 1280x720", "Saver"),
    "capture_slow": (spending(capture=9.0), "9.0 ms", "smaller"),
    "network_thin": (replace(WELL, target_bps=2_000_000), "2.0 of the 12.0 Mbit/s", "cable"),
    "loss": (replace(WELL, loss_ratio=0.05), "5.0%", "cable"),
    "network_far": (spending(network=70.0), "70 ms", "nearer by"),
    "queue_long": (spending(queue=9.0), "9.0 ms", "core"),
    "send_slow": (spending(send=12.0), "12.0 ms", "lower quality"),
    "relay_slow": (spending(relay=20.0), "20.0 ms", "WebRTC"),
    "delivery_slow": (spending(delivery=40.0), "40 ms", "tabs"),
    "decode_slow": (spending(decode=20.0), "20.0 ms", "hardware acceleration"),
    "paint_slow": (spending(paint=9.0), "9.0 ms", "hardware acceleration"),
    "shown_less": (replace(WELL, shown_fps=30), "60 pictures a second are made, and 30 shown", "in front"),
    "game_slow": (replace(WELL, capture_fps=15, shown_fps=15), "15 pictures a second", "resolution or details"),
}


def test_every_rule_has_its_case() -> None:
    assert list(CASES) != []
    assert {rule.code for rule in RULES} == set(CASES)


@pytest.mark.parametrize("code", CASES)
def test_a_stage_that_takes_too_long_is_told_with_its_figures_and_what_to_do(code: str) -> None:
    situation, figure, action = CASES[code]
    [advice] = advise(situation)
    assert advice.code == code
    assert figure in advice.reason
    assert action in advice.action


def test_to_whom_all_is_well_nothing_is_said() -> None:
    assert advise(WELL) == ()


def test_where_nothing_was_measured_nothing_is_said() -> None:
    assert advise(Situation(p50={}, p95={})) == ()


def test_what_follows_from_something_worse_is_left_out() -> None:
    busy = replace(spending(encode=15.0, queue=9.0, capture=9.0), cpu_share=0.3)
    assert [advice.code for advice in advise(busy)] == ["cpu_starved"]


def test_no_more_than_a_few_things_at_once() -> None:
    bad = spending(encode=15.0, capture=9.0, decode=20.0, paint=9.0, relay=20.0, network=70.0)
    assert [advice.code for advice in advise(bad)] == ["encode_slow", "capture_slow", "decode_slow"]
    assert MOST_TOLD == 3


@pytest.mark.parametrize(
    ("situation", "action"),
    [
        (replace(spending(encode=15.0), format="av1"), "Choose H.264"),
        (replace(spending(encode=15.0), size_px=(1920, 1080)), "1280x720"),
        (replace(spending(decode=20.0), format="vp9"), "Choose H.264"),
        (replace(spending(delivery=40.0), transport="webrtc"), "Choose WebSocket"),
    ],
)  # fmt: skip
def test_the_thing_to_do_depends_on_what_was_chosen(situation: Situation, action: str) -> None:
    assert action in advise(situation)[0].action


def test_what_the_ladder_does_already_is_told() -> None:
    [advice] = advise(replace(WELL, target_bps=2_000_000, limit_reason="Three quarters of the size"))
    assert "Three quarters of the size" in advice.reason


def test_processors_that_are_shared_and_suffice_are_no_matter() -> None:
    assert advise(replace(spending(encode=1.5), cpu_share=0.4)) == ()


def test_a_program_that_draws_now_and_then_is_no_slow_one() -> None:
    assert advise(replace(WELL, capture_fps=15, shown_fps=15, is_steady=False)) == ()


def test_a_slow_game_without_a_graphics_card_is_told_so() -> None:
    slow = replace(WELL, capture_fps=15, shown_fps=15)
    assert "software" in advise(slow)[0].reason
    assert "software" not in advise(replace(slow, has_graphics_card=True))[0].reason


def test_budgets_grow_with_the_picture() -> None:
    assert budget_ms("encode", (1280, 720)) == 2.5
    assert budget_ms("encode", (1920, 1080)) == pytest.approx(5.6, abs=0.1)
    assert budget_ms("network", (1280, 720)) is None
