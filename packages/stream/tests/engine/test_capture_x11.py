"""Capture against a real Xvfb, by pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from packages.stream.tests.engine.conftest import WAIT_S, catch_up
from packages.stream.tests.engine.cursors import ARROW, hide_cursor, set_cursor

from dillinger_contracts.media import Box
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.display import Display
from dillinger_stream.capture.pointer_image import draw_pointer, pointer_image
from dillinger_stream.capture.x11 import X11Capture

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter, XServer


def is_damaged(capture: X11Capture, wake_fd: int) -> bool:
    """Waits; and then all that happened until now is one damage."""
    catch_up(capture._connection)
    return capture.wait(WAIT_S, wake_fd)


def color_at(pixels: Any, x: int, y: int) -> int:
    blue, green, red, _ = (int(value) for value in pixels[y, x])
    return red << 16 | green << 8 | blue


def test_whole_picture_is_what_was_drawn(painter: Painter, capture: X11Capture) -> None:
    picture = np.random.default_rng(7).integers(0, 256, (48, 64, 4), dtype=np.uint8)
    painter.put(picture.tobytes(), 32, 16, 64, 48)
    frame = capture.grab(whole=True)
    assert (frame.width_px, frame.height_px, frame.box) == (640, 480, Box(0, 0, 640, 480))
    assert np.array_equal(frame.pixels[16:64, 32:96, :3], picture[:, :, :3])
    assert not frame.pixels[64:200, :, :3].any()


def test_only_the_damaged_box_is_taken(painter: Painter, capture: X11Capture, wake_fd: int) -> None:
    capture.grab(whole=True)
    assert not capture.wait(0.05, wake_fd)
    painter.fill(0x12AB34, 101, 51, 10, 7)
    assert is_damaged(capture, wake_fd)
    frame = capture.grab()
    assert frame.box == Box(100, 50, 12, 8)
    assert frame.pixels.shape == (8, 12, 4)
    assert color_at(frame.pixels, 1, 1) == 0x12AB34
    assert color_at(frame.pixels, 0, 0) == 0
    assert not capture.wait(0.05, wake_fd), "damage that was taken is damage no more"


def test_damage_in_two_places_near_each_other_is_one_box(painter: Painter, capture: X11Capture, wake_fd: int) -> None:
    capture.grab(whole=True)
    painter.fill(0xFF0000, 10, 10, 2, 2)
    painter.fill(0x00FF00, 200, 100, 2, 2)
    assert is_damaged(capture, wake_fd)
    (patch,) = capture.grab().patches
    assert patch.box == Box(10, 10, 192, 92)
    assert color_at(patch.pixels, 0, 0) == 0xFF0000
    assert color_at(patch.pixels, 190, 90) == 0x00FF00


def test_damage_in_places_far_apart_is_several_patches(painter: Painter, capture: X11Capture, wake_fd: int) -> None:
    capture.grab(whole=True)
    for turn in range(3):
        painter.fill(0xFF0000 + turn, 10, 10, 20, 10)
        painter.fill(0x00FF00 + turn, 601, 401, 9, 7)
        assert is_damaged(capture, wake_fd)
        first, second = capture.grab().patches
        assert (first.box, second.box) == (Box(10, 10, 20, 10), Box(600, 400, 10, 8))
        assert (first.pixels[:, :, :3] == (turn, 0, 0xFF)).all()
        assert (second.pixels[1:, 1:, :3] == (turn, 0xFF, 0)).all()
        assert not capture.wait(0.05, wake_fd), "damage that was taken is damage no more"


def test_what_moves_beside_something_else_is_followed(painter: Painter, capture: X11Capture, wake_fd: int) -> None:
    """By small steps, by a leap, and into the corner: what was guessed right and what was not looks the same."""
    shown = np.array(capture.grab(whole=True).pixels)
    drawn = shown.copy()
    for turn, (x, y) in enumerate([(340, 340), (348, 346), (355, 353), (560, 200), (552, 192), (629, 467), (631, 470)]):
        for color, left, top in ((0x010101 * (turn + 1), 8, 8), (0x00F000 + turn, x, y)):
            painter.fill(color, left, top, 9, 9)
            drawn[top : top + 9, left : left + 9, :3] = (color & 0xFF, color >> 8 & 0xFF, color >> 16)
        assert is_damaged(capture, wake_fd)
        patches = capture.grab().patches
        assert sum(patch.box.width * patch.box.height for patch in patches) <= 2 * 100, "more than what changed"
        for patch in patches:
            box = patch.box
            shown[box.y : box.y + box.height, box.x : box.x + box.width] = patch.pixels
        assert np.array_equal(shown[:, :, :3], drawn[:, :, :3]), turn


def test_damage_that_came_too_late_for_a_grab_is_in_the_next(
    painter: Painter, capture: X11Capture, wake_fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has it when the grab takes damage back, and the capture has not heard of it."""
    capture.grab(whole=True)
    painter.fill(0xFF0000, 10, 10, 20, 10)
    assert is_damaged(capture, wake_fd)
    painter.fill(0x00FF00, 600, 400, 10, 8)
    with monkeypatch.context() as deaf:
        deaf.setattr(capture, "_read_events", lambda: None)
        (patch,) = capture.grab().patches
    assert patch.box == Box(10, 10, 20, 10)
    assert is_damaged(capture, wake_fd)
    (patch,) = capture.grab().patches
    assert patch.box == Box(600, 400, 10, 8)
    assert (patch.pixels[:, :, :3] == (0, 0xFF, 0)).all()
    assert not capture.wait(0.05, wake_fd), "damage that was taken is damage no more"


def test_most_of_a_large_box_is_taken_as_one(painter: Painter, capture: X11Capture, wake_fd: int) -> None:
    capture.grab(whole=True)
    for y in (0, 250):
        painter.fill(0x123456, 0, y, 640, 230)
    assert is_damaged(capture, wake_fd)
    (patch,) = capture.grab().patches
    assert patch.box == Box(0, 0, 640, 480)


def test_a_pointer_that_changes_far_from_other_damage_is_drawn_anew(
    painter: Painter, capture: X11Capture, wake_fd: int
) -> None:
    """In the same place, which the server counts as no damage."""
    painter.fill(0x808080, 0, 0, 640, 480)
    painter.warp(300, 200)
    set_cursor(painter, ARROW)
    assert is_damaged(capture, wake_fd)
    picture = np.array(capture.grab(whole=True).pixels)
    assert not (picture[:, :, 2] > picture[:, :, 1]).any(), "it is red already"
    painter.fill(0x808080, 10, 10, 4, 4)
    painter.fill(0x808080, 600, 400, 4, 4)
    set_cursor(painter, ARROW, red=0xFFFF)
    assert is_damaged(capture, wake_fd)
    patches = capture.grab().patches
    assert len(patches) == 3
    for patch in patches:
        box = patch.box
        picture[box.y : box.y + box.height, box.x : box.x + box.width] = patch.pixels
    assert (picture[:, :, 2] > picture[:, :, 1]).any(), "the pointer looks as before"


def test_wake_ends_a_wait(capture: X11Capture, wake_fd: int) -> None:
    capture.grab(whole=True)
    os.eventfd_write(wake_fd, 1)
    assert not capture.wait(None, wake_fd)


def test_another_size_gives_a_whole_frame(xvfb: XServer, painter: Painter, capture: X11Capture, wake_fd: int) -> None:
    capture.grab(whole=True)
    display = Display(xvfb.socket_path)
    try:
        assert display.resize(321, 201) == (320, 200)
        assert is_damaged(capture, wake_fd)
        frame = capture.grab()
        assert (frame.width_px, frame.height_px, frame.box) == (320, 200, Box(0, 0, 320, 200))
        painter.fill(0xABCDEF, 0, 0, 320, 200)
        assert is_damaged(capture, wake_fd)
        pixels = capture.grab().pixels
        assert color_at(pixels, 0, 199) == color_at(pixels, 319, 0) == 0xABCDEF
        assert display.resize(640, 480) == (640, 480)
        assert is_damaged(capture, wake_fd)
        assert capture.grab().box == Box(0, 0, 640, 480)
    finally:
        display.close()


def test_an_odd_desktop_is_cropped(start_display: Callable[..., XServer]) -> None:
    capture = X11Capture(start_display("641x479").socket_path)
    try:
        assert capture.grab(whole=True).box == Box(0, 0, 640, 478)
    finally:
        capture.close()


def test_the_pointer_is_in_the_picture_where_it_is(
    xvfb: XServer, painter: Painter, capture: X11Capture, wake_fd: int
) -> None:
    display = Display(xvfb.socket_path)
    try:
        painter.fill(0x808080, 0, 0, 640, 480)
        painter.warp(100, 100)
        display.show_pointer()
        assert is_damaged(capture, wake_fd)
        drawn = capture.grab(whole=True).pixels[:, :, :3] != 0x80
        rows, columns = np.nonzero(drawn.any(axis=2))
        assert rows.size > 20, "there is no pointer"
        assert rows.min() >= 98 and rows.max() <= 120 and columns.min() >= 98 and columns.max() <= 120

        painter.warp(300, 200)
        assert capture.pointer_moved()
        frame = capture.grab()
        box = frame.box
        assert box.x <= 100 and box.y <= 100 and box.x + box.width >= 301 and box.y + box.height >= 201
        after = frame.pixels[:, :, :3] != 0x80
        old = after[100 - box.y : 121 - box.y, 98 - box.x : 121 - box.x]
        assert not old.any(), "a ghost stays where the pointer was"
        assert after[200 - box.y :, 298 - box.x :].any()
        assert not capture.pointer_moved(), "it has not moved since"
    finally:
        display.close()


def test_a_pointer_that_the_game_hides_is_gone(
    xvfb: XServer, painter: Painter, capture: X11Capture, wake_fd: int
) -> None:
    display = Display(xvfb.socket_path)
    try:
        display.show_pointer()
        painter.warp(100, 100)
        painter.fill(0x808080, 0, 0, 640, 480)
        assert is_damaged(capture, wake_fd)
        assert (capture.grab(whole=True).pixels[:, :, :3] != 0x80).any()
        hide_cursor(painter)
        assert is_damaged(capture, wake_fd)
        assert (capture.grab().pixels[:, :, :3] == 0x80).all()
        painter.warp(200, 200)
        assert not capture.pointer_moved()
    finally:
        display.close()


def write_xauthority(path: Path, cookie: bytes) -> None:
    name = b"MIT-MAGIC-COOKIE-1"
    any_host = (0xFFFF).to_bytes(2, "big")
    fields = [b"", b"", name, cookie]
    path.write_bytes(any_host + b"".join(len(field).to_bytes(2, "big") + field for field in fields))


def test_only_the_right_cookie_gets_in(start_display: Callable[..., XServer], tmp_path: Path) -> None:
    cookie = b"\x00:colon\xffzero\x00abc:"[:16].ljust(16, b"\x01")
    write_xauthority(tmp_path / "auth", cookie)
    server = start_display("320x200", "-auth", str(tmp_path / "auth"))
    X11Capture(server.socket_path, auth_cookie=cookie).close()
    for wrong in (bytes(16), None):
        with pytest.raises(CaptureError):
            X11Capture(server.socket_path, auth_cookie=wrong)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="can't be reached"):
        X11Capture(str(tmp_path / "X0"))


def test_a_hard_pointer_is_drawn_as_a_soft_one_would_be() -> None:
    """Hard edges are copied, soft ones mixed; where the edges are hard both give the same."""
    rng = np.random.default_rng(4)
    argb = rng.integers(0, 256, (12, 9, 4), dtype=np.uint8)
    argb[:, :, 3] = rng.integers(0, 2, (12, 9)) * 255
    argb[argb[:, :, 3] == 0] = 0
    image = pointer_image(9, 12, 2, 3, argb.tobytes())
    assert image.solid is not None
    below = rng.integers(0, 256, (20, 30, 4), dtype=np.uint8)
    for place in ((15, 10), (0, 0), (29, 19), (-50, 2)):
        copied, mixed = below.copy(), below.copy()
        draw_pointer(copied, Box(0, 0, 30, 20), image, *place)
        draw_pointer(mixed, Box(0, 0, 30, 20), replace(image, solid=None), *place)
        assert np.array_equal(copied[:, :, :3], mixed[:, :, :3])
