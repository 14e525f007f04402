"""Several screens in one picture: none covers another, and whatever is pointed at is the screen that is seen there."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_contracts.media import Box
from dillinger_stream.capture.arrangement import Screen, arrange, bounds, nearest
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.geometry import EMPTY_BOX, clip, is_empty
from dillinger_stream.capture.side_by_side import SideBySide
from dillinger_stream.frames import Frame, PointerSeen


def test_screens_lie_as_on_their_desk() -> None:
    assert arrange([Screen(1920, 1080, (1280, 0)), Screen(1280, 720, (0, 360))]) == [
        Box(1280, 0, 1920, 1080), Box(0, 360, 1280, 720),
    ]  # fmt: skip
    scaled = [Screen(3840, 2160, (0, 0), (1920, 1080)), Screen(1920, 1080, (1920, 0), (1920, 1080))]
    assert arrange(scaled) == [Box(0, 0, 3840, 2160), Box(3840, 0, 1920, 1080)]
    assert arrange([Screen(64, 48), Screen(32, 32, (5, 5))]) == [Box(0, 0, 64, 48), Box(64, 0, 32, 32)]
    mirrored = [Screen(64, 48, (0, 0)), Screen(64, 48, (0, 0))]
    assert arrange(mirrored) == [Box(0, 0, 64, 48), Box(64, 0, 64, 48)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(8, 2000), st.integers(8, 2000), st.integers(-4000, 4000), st.integers(-4000, 4000),
                  st.sampled_from([1.0, 1.25, 1.5, 2.0])),
        min_size=1, max_size=5,
    ),
    st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip
def test_none_covers_another(told: list[tuple[int, int, int, int, float]], across: float, down: float) -> None:
    screens = [
        Screen(width * 2, height * 2, (x, y), (max(1, round(width * 2 / scale)), max(1, round(height * 2 / scale))))
        for width, height, x, y, scale in told
    ]
    boxes = arrange(screens)
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            assert is_empty(
                clip(Box(one.x - other.x, one.y - other.y, one.width, one.height), other.width, other.height)
            )
    assert min(box.x for box in boxes) == min(box.y for box in boxes) == 0
    assert all(edge % 2 == 0 for box in boxes for edge in (box.x, box.y, box.width, box.height))
    width, height = bounds(boxes)
    index, x, y = nearest(boxes, across * (width - 1), down * (height - 1))
    assert 0 <= x <= boxes[index].width - 1 and 0 <= y <= boxes[index].height - 1
    x_px, y_px = across * (width - 1), down * (height - 1)
    inside = [
        box for box in boxes if box.x <= x_px <= box.x + box.width - 1 and box.y <= y_px <= box.y + box.height - 1
    ]
    if inside:
        assert boxes[index] in inside and (boxes[index].x + x, boxes[index].y + y) == pytest.approx((x_px, y_px))


class Still:
    """A screen that a test draws on."""

    def __init__(self, width: int, height: int, value: int) -> None:
        self.picture = np.full((height, width, 4), value, np.uint8)
        self.damage: Box | None = Box(0, 0, width, height)
        self.is_gone = self.is_closed = False
        self._fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.pointer: PointerSeen | None = None

    def draw(self, box: Box, value: int) -> None:
        self.picture[box.y : box.y + box.height, box.x : box.x + box.width] = value
        self.damage = box
        os.eventfd_write(self._fd, 1)

    def fileno(self) -> int:
        return self._fd

    def wait(self, timeout_s: float | None, wake_fd: int) -> bool:
        if self.is_gone:
            raise CaptureError("gone")
        return self.damage is not None

    def draw_pointer(self, *, is_drawn: bool) -> None: ...

    def pointer_moved(self) -> bool:
        return False

    def grab(self, *, whole: bool = False) -> Frame:
        height, width = self.picture.shape[:2]
        box = Box(0, 0, width, height) if whole else self.damage or EMPTY_BOX
        self.damage = None
        return Frame(self.picture[box.y : box.y + box.height, box.x : box.x + box.width], width, height, box, 5)

    def abort(self) -> None:
        self.is_gone = True

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            os.close(self._fd)


def side_by_side(*sources: Still, place: Callable[[int], tuple[int, int]]) -> SideBySide:
    return SideBySide(sources, lambda at, width, height: Screen(width, height, place(at)))


def test_two_screens_are_one_picture_of_which_only_what_changed_is_given() -> None:
    left, right = Still(64, 48, 1), Still(32, 32, 2)
    capture = side_by_side(left, right, place=lambda at: ((0, 0), (64, 10))[at])
    idle = os.eventfd(0)
    assert capture.wait(None, idle)
    frame = capture.grab()
    assert (frame.width_px, frame.height_px, frame.box) == (96, 48, Box(0, 0, 96, 48))
    assert (frame.pixels[:, :64] == 1).all() and (frame.pixels[10:42, 64:] == 2).all()
    assert (frame.pixels[:10, 64:] == 0).all() and (frame.pixels[42:, 64:] == 0).all(), "gaps are black"
    assert not capture.wait(0, idle)
    assert capture.grab().box == EMPTY_BOX
    right.draw(Box(4, 6, 2, 2), 9)
    assert capture.wait(None, idle)
    frame = capture.grab()
    assert frame.box == Box(68, 16, 2, 2) and (frame.pixels == 9).all()
    left.picture, left.damage = np.full((80, 40, 4), 7, np.uint8), Box(0, 0, 40, 80)
    frame = capture.grab()
    assert (frame.width_px, frame.height_px, frame.box) == (96, 80, Box(0, 0, 96, 80))
    assert (frame.pixels[:, :40] == 7).all() and (frame.pixels[10:42, 64:][2, 0] == 2).all()
    os.eventfd_write(idle, 1)
    assert not capture.wait(None, idle), "it is woken"
    right.is_gone = True
    with pytest.raises(CaptureError):
        capture.wait(None, idle)
    capture.close()
    assert left.is_closed and right.is_closed
    os.close(idle)


def test_more_than_a_picture_can_hold_is_refused() -> None:
    capture = side_by_side(Still(16_000, 16, 1), Still(16_000, 16, 2), place=lambda at: (at * 16_000, 0))
    with pytest.raises(CaptureError, match="32000x16"):
        capture.grab()
    capture.close()
