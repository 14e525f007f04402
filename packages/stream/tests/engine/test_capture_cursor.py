"""The pointer of a real Xvfb, told apart from the picture, which lacks it until it has to hold it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from packages.stream.tests.engine.codec_parts import is_color
from packages.stream.tests.engine.conftest import WAIT_S, catch_up
from packages.stream.tests.engine.cursors import ARROW, CROSS, hide_cursor, set_cursor

from dillinger_stream.capture.x11 import X11Capture
from dillinger_stream.encode.x264 import X264Encoder
from dillinger_stream.frames import PointerSeen
from dillinger_stream.pipeline import VideoPipeline

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter, Witness, XServer

GREY, GREEN = 0x808080, 0x00A000


def seen(capture: X11Capture, wake_fd: int, fact: Callable[[PointerSeen], bool]) -> PointerSeen:
    """The pointer, as soon as `fact` is true of it; nothing else happens meanwhile."""
    catch_up(capture._connection)
    for _ in range(100):
        if capture.pointer is not None and fact(capture.pointer):
            return capture.pointer
        assert not capture.wait(WAIT_S, wake_fd), "the picture changed"
    raise AssertionError(f"the pointer is {capture.pointer}")


def test_a_pointer_that_others_draw_is_told_and_is_no_damage(
    painter: Painter, capture: X11Capture, wake_fd: int
) -> None:
    painter.fill(GREY, 0, 0, 640, 480)
    painter.warp(100, 100)
    set_cursor(painter, ARROW)
    catch_up(capture._connection)
    capture.draw_pointer(is_drawn=False)
    assert (capture.grab(whole=True).pixels[:, :, :3] == 0x80).all()
    arrow = seen(capture, wake_fd, lambda pointer: pointer.image.is_visible)
    assert (arrow.x, arrow.y) == (100, 100)
    painter.warp(300, 200)
    assert not capture.pointer_moved()
    moved = seen(capture, wake_fd, lambda pointer: (pointer.x, pointer.y) == (300, 200))
    assert moved.image is arrow.image, "its image is asked for once"
    set_cursor(painter, CROSS)
    seen(capture, wake_fd, lambda pointer: pointer.image is not arrow.image and pointer.image.is_visible)
    hide_cursor(painter)
    seen(capture, wake_fd, lambda pointer: not pointer.image.is_visible)
    assert not capture.wait(0.05, wake_fd)


def test_the_picture_holds_the_pointer_again_and_loses_it(painter: Painter, capture: X11Capture, wake_fd: int) -> None:
    painter.fill(GREY, 0, 0, 640, 480)
    painter.warp(100, 100)
    set_cursor(painter, ARROW)
    catch_up(capture._connection)
    capture.grab(whole=True)
    capture.draw_pointer(is_drawn=False)
    assert capture.wait(WAIT_S, wake_fd), "what it covered is to be drawn again"
    frame = capture.grab()
    assert frame.box.width < 64 and (frame.pixels[:, :, :3] == 0x80).all()
    painter.warp(300, 200)
    capture.draw_pointer(is_drawn=True)
    assert capture.wait(WAIT_S, wake_fd)
    frame = capture.grab()
    assert frame.box.x in range(280, 301) and frame.box.width < 64, "no more than what it covers now"
    assert (frame.pixels[:, :, :3] != 0x80).any()


def test_moves_alone_make_no_pictures_and_a_change_needs_no_keyframe(
    xvfb: XServer, painter: Painter, witness: Witness
) -> None:
    painter.fill(GREEN, 0, 0, 640, 480)
    painter.warp(100, 100)
    set_cursor(painter, ARROW)
    pointers: list[PointerSeen] = []
    pipeline = VideoPipeline(
        open_capture=lambda: X11Capture(xvfb.socket_path),
        open_encoder=X264Encoder,
        bitrate_bps=8_000_000,
        rate_hz=60.0,
        on_unit=witness.units.append,
        on_part_restarted=witness.restarted,
        on_failed=witness.failures.append,
        on_pointer=pointers.append,
    )
    green = (0, 0xA0, 0)
    try:
        pipeline.start()
        witness.rest()
        pipeline.reconfigure(draws_pointer=False)
        witness.until_seen(lambda picture: all(is_color(picture, 101 + at, 103 + at, green) for at in range(6)))
        count = witness.quiet()
        for x in range(200, 300, 10):
            painter.warp(x, 300)
            pipeline.pointer_moved()
        witness.until(lambda: bool(pointers) and (pointers[-1].x, pointers[-1].y) == (290, 300))
        assert witness.quiet(0.3) == count, "a pointer that others draw makes pictures"
        pipeline.reconfigure(draws_pointer=True)
        witness.until_seen(lambda picture: not all(is_color(picture, 291 + at, 303 + at, green) for at in range(6)))
        assert [unit.is_keyframe for unit in witness.units].count(True) == 1
    finally:
        pipeline.stop()
