"""Parts of a damaged box: what changed is never lost, and is asked for where that pays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dillinger_contracts.media import Box
from dillinger_stream.capture.geometry import area_px, around, contains, gathered
from dillinger_stream.capture.parts import Parts

COUNTER, MOVER = Box(16, 16, 512, 16), Box(900, 360, 208, 200)
AROUND = around((COUNTER, MOVER))
boxes = st.builds(Box, st.integers(0, 1200), st.integers(0, 600), st.integers(1, 400), st.integers(1, 300))


@given(st.lists(boxes, min_size=1, max_size=20), st.integers(0, 50_000))
def test_gathered_boxes_hold_all_of_them(found: list[Box], slack_px: int) -> None:
    fewer = gathered(found, slack_px=slack_px)
    assert len(fewer) <= len(found)
    assert all(any(contains(one, box) for one in fewer) for box in found)


@given(st.lists(boxes, min_size=1, max_size=20))
def test_parts_hold_what_changed_and_are_less_than_the_box(found: list[Box]) -> None:
    box, parts = around(found), Parts().take(found)
    assert parts == [box] or sum(map(area_px, parts)) < area_px(box)
    assert all(any(contains(part, one) for part in parts) for one in found)


def test_two_places_far_apart_are_two_parts() -> None:
    assert Parts().take([COUNTER, MOVER]) == [COUNTER, MOVER]


def test_what_lies_close_together_is_one_part() -> None:
    words = [Box(16, 16 + 24 * row, 512, 16) for row in range(4)]
    assert Parts().take([*words, MOVER]) == [around(words), MOVER]


def test_many_places_or_none_are_one_part() -> None:
    many = [Box(150 * step, 80 * step, 40, 40) for step in range(8)]
    assert Parts().take(many) == [around(many)]
    assert [area_px(part) for part in Parts().take([])] in ([], [0])


def test_a_small_box_is_not_asked_about() -> None:
    assert not Parts().is_worth_asking(MOVER)
    assert Parts().is_worth_asking(AROUND)


def test_where_everything_moves_it_is_seldom_asked() -> None:
    parts, whole, asked = Parts(), Box(0, 0, 1280, 720), 0
    for _ in range(310):
        if parts.is_worth_asking(whole):
            asked += 1
            assert parts.take([whole]) == [whole]
    assert asked == 10
    while not parts.is_worth_asking(whole):
        pass
    assert parts.take([COUNTER, MOVER]) == [COUNTER, MOVER]
    assert parts.is_worth_asking(AROUND), "where it paid it is asked each time"
