"""Pictures of a GStreamer in another process: what changed, another size, its death, its silence; and what it tells."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_contracts.media import Box
from dillinger_stream.capture import pipewire
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.capture.damage import changed_box
from dillinger_stream.capture.pipewire import PipeWireCapture, form_of
from dillinger_stream.encode.codecs import open_encoder
from dillinger_stream.frames import AccessUnit
from dillinger_stream.gst import child
from dillinger_stream.pipeline import VideoPipeline

ALL = "appsink name=out sync=false emit-signals=true max-buffers=1"
"""Every picture waits until it is fetched."""
OUT = f"{ALL} drop=true"
WAIT_S = 30.0


def source(width: int, height: int, *, pattern: str = "red", count: int = -1) -> str:
    """Pictures of GStreamer's own, 20 a second."""
    return (
        f"videotestsrc is-live=true pattern={pattern} num-buffers={count}"
        f" ! video/x-raw,format=BGRx,width={width},height={height},framerate=20/1"
    )


@contextlib.contextmanager
def capturing(pipeline: str, out: str = OUT) -> Iterator[PipeWireCapture]:
    remote = os.memfd_create("no-pipewire-here")
    capture = PipeWireCapture(f"{pipeline} ! {out}", remote)
    os.close(remote)
    try:
        capture.wait(WAIT_S, -1)
        yield capture
    finally:
        capture.close()
        capture.close()


def test_a_still_desktop_is_one_picture() -> None:
    with capturing(source(640, 480)) as capture:
        first = capture.grab(whole=True)
        assert (first.box, first.width_px, first.height_px) == (Box(0, 0, 640, 480), 640, 480)
        assert tuple(first.pixels[100, 100][:3]) == (0, 0, 255)
        for _ in range(3):
            assert capture.wait(WAIT_S, -1)
            assert capture.grab().box == Box(0, 0, 0, 0)
        assert capture.grab(whole=True).box == first.box, "whole, though nothing is new"


def test_only_what_changed_is_given() -> None:
    with capturing(source(640, 480, pattern="ball"), ALL) as capture:
        capture.grab(whole=True)
        assert capture.wait(WAIT_S, -1)
        while (frame := capture.grab()).box.width == 0:
            assert capture.wait(WAIT_S, -1)
        assert 0 < frame.box.width < 400 and 0 < frame.box.height < 400
        assert frame.pixels.shape == (frame.box.height, frame.box.width, 4)


def test_another_size_in_the_middle_is_a_whole_picture() -> None:
    both = f"concat name=c {source(641, 481, count=5)} ! c. {source(320, 240, pattern='blue')} ! c. c."
    with capturing(both, ALL) as capture:
        frame = capture.grab(whole=True)
        assert (frame.width_px, frame.height_px) == (640, 480), "even, as video has it"
        while frame.width_px == 640:
            assert capture.wait(WAIT_S, -1)
            frame = capture.grab()
        assert frame.box == Box(0, 0, 320, 240) and tuple(frame.pixels[0, 0][:3]) == (255, 0, 0)
        assert capture.size == (320, 240)


def test_the_end_of_the_pictures_is_told() -> None:
    with pytest.raises(CaptureError, match="no pictures any more"), capturing(source(320, 240, count=2)) as capture:
        while True:
            capture.wait(WAIT_S, -1)
            capture.grab()


def test_a_child_that_died_is_told() -> None:
    with capturing(source(320, 240)) as capture:
        capture.grab(whole=True)
        capture._child.process.kill()
        with pytest.raises(CaptureError, match="is gone"):
            while True:
                capture.wait(WAIT_S, -1)
                capture.grab()


def test_a_wait_for_pictures_that_never_come_is_ended_from_outside() -> None:
    remote = os.memfd_create("no-pipewire-here")
    capture = PipeWireCapture(f"appsrc ! {OUT}", remote)
    os.close(remote)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(capture.wait, None, -1)
        capture.abort()
        with pytest.raises(CaptureError, match="is gone"):
            waiting.result(WAIT_S)
    capture.close()


def test_pictures_go_on_when_the_child_was_killed() -> None:
    captures: queue.Queue[PipeWireCapture] = queue.Queue()
    units: queue.Queue[AccessUnit] = queue.Queue()
    restarts: queue.Queue[str] = queue.Queue()

    def open_capture() -> PipeWireCapture:
        remote = os.memfd_create("no-pipewire-here")
        try:
            captures.put(capture := PipeWireCapture(f"{source(320, 240, pattern='ball')} ! {OUT}", remote))
        finally:
            os.close(remote)
        return capture

    pipeline = VideoPipeline(
        open_capture=open_capture, open_encoder=open_encoder, bitrate_bps=1_000_000, rate_hz=30.0,
        on_unit=units.put, on_part_restarted=lambda part, message: restarts.put(f"{part}: {message}"),
        on_failed=lambda error: restarts.put(f"failed: {error.message}"),
    )  # fmt: skip
    pipeline.start()
    try:
        assert units.get(timeout=WAIT_S).is_keyframe
        captures.get(timeout=WAIT_S)._child.process.kill()
        assert "capture: PipeWire's picture is gone" in restarts.get(timeout=WAIT_S)
        captures.get(timeout=WAIT_S)
        while not units.empty():
            units.get()
        assert units.get(timeout=WAIT_S).width_px == 320
    finally:
        pipeline.stop()


def test_a_child_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with capturing(source(320, 240)) as capture:
        capture.grab(whole=True)
        monkeypatch.setattr(pipewire, "_QUIET_S", 0.2)
        monkeypatch.setattr(pipewire, "_DEADLINE_S", 0.5)
        os.kill(capture._child.process.pid, signal.SIGSTOP)
        with pytest.raises(CaptureError, match="answer"):
            while capture.wait(WAIT_S, -1):
                capture.grab()
        capture._child.process.kill()


def test_what_gstreamer_lacks_is_told_with_what_to_install() -> None:
    with pytest.raises(CaptureError, match="no element") as refused, capturing("nosuchsrc"):
        pass
    assert "gstreamer1.0-pipewire" in (refused.value.hint or "")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.tuples(*[st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 20_000))] * 3))
def test_a_picture_that_does_not_fit_the_memory_is_none(form: tuple[int, int, int]) -> None:
    try:
        found = form_of(child.PICTURE_FIELDS.pack(*form))
    except CaptureError:
        return
    if found is not None:
        width, height, stride = found
        assert width * 4 <= stride and stride * height <= pipewire.MEMORY_BYTES


def test_a_picture_without_a_form_is_none() -> None:
    for told in (b"", b"x" * 11, b"x" * 13):
        with pytest.raises(CaptureError):
            form_of(told)


PIXELS = st.lists(st.tuples(st.integers(0, 89), st.integers(0, 69)), max_size=6)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(PIXELS)
def test_every_pixel_that_changed_is_in_the_box_and_few_others(changed: list[tuple[int, int]]) -> None:
    padded: Any = np.zeros((70, 100), np.uint32)
    before, after = np.zeros((70, 90), np.uint32), padded[:, :90]
    for x, y in changed:
        after[y, x] += 1
    box = changed_box(before, after)
    if not changed:
        assert box is None
        return
    assert box is not None
    columns, rows = [x for x, _ in changed], [y for _, y in changed]
    assert (box.x, box.x + box.width) == (min(columns), max(columns) + 1)
    assert box.y == min(rows) // 16 * 16 and box.y + box.height == min(max(rows) // 16 * 16 + 16, 70)
