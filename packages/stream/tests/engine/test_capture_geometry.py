"""Rectangles: what is damaged is never lost, and never leaves the picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dillinger_contracts.media import Box
from dillinger_stream.capture.geometry import EMPTY_BOX, clip, contains, even, is_empty, union, whole

boxes = st.builds(Box, st.integers(-99, 999), st.integers(-99, 999), st.integers(0, 999), st.integers(0, 999))
sizes = st.tuples(st.integers(1, 400).map(lambda half: half * 2), st.integers(1, 400).map(lambda half: half * 2))


@given(boxes, boxes)
def test_union_holds_both(a: Box, b: Box) -> None:
    both = union(a, b) or EMPTY_BOX
    assert contains(both, a)
    assert contains(both, b)


@given(boxes, sizes)
def test_clipped_and_evened_stays_in_an_even_picture(box: Box, size: tuple[int, int]) -> None:
    clipped = clip(box, *size)
    aligned = even(clipped)
    assert contains(whole(*size), aligned)
    assert contains(aligned, clipped)
    assert not any(value % 2 for value in (aligned.x, aligned.y, aligned.width, aligned.height))


def test_clip_of_what_is_outside_is_empty() -> None:
    assert is_empty(clip(Box(-50, 10, 50, 10), 100, 100))
    assert is_empty(clip(Box(100, 10, 50, 10), 100, 100))


def test_union_of_nothing() -> None:
    assert union(None, None) is None
    assert union(EMPTY_BOX, None) is None
    assert union(None, Box(1, 2, 3, 4)) == Box(1, 2, 3, 4)
