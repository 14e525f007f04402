"""A pipeline on a real Xvfb changes what it makes: smaller pictures, other codecs, another encoder for a broken one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from packages.stream.tests.engine.codec_parts import PLAN, is_color

from dillinger_contracts.session import VideoFormat
from dillinger_stream.capture.x11 import X11Capture
from dillinger_stream.encode.base import SOFTWARE, EncoderError, EncoderSettings, VideoEncoder
from dillinger_stream.encode.codecs import open_encoder
from dillinger_stream.encode.gstreamer import GstEncoder
from dillinger_stream.formats import CodecWish, Machine
from dillinger_stream.frames import AccessUnit
from dillinger_stream.pipeline import VideoPipeline

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter, Witness, XServer

Start = Callable[..., VideoPipeline]
QUICK: dict[VideoFormat, float] = {"h264": 1, "h264-high": 1, "h264-444": 1, "vp8": 1, "vp9": 1, "av1": 1}
ALL: frozenset[VideoFormat] = frozenset(QUICK)


@pytest.fixture
def start(xvfb: XServer, witness: Witness) -> Iterator[Start]:
    running: list[VideoPipeline] = []

    def start(
        machine: Machine | None = None, opener: Callable[[EncoderSettings], VideoEncoder] = open_encoder
    ) -> VideoPipeline:
        pipeline = VideoPipeline(
            open_capture=lambda: X11Capture(xvfb.socket_path), open_encoder=opener, bitrate_bps=8_000_000, rate_hz=60.0,
            on_unit=witness.units.append, on_part_restarted=witness.restarted, on_failed=witness.failures.append,
            machine=lambda: machine or Machine(QUICK),
        )  # fmt: skip
        running.append(pipeline)
        pipeline.start()
        return pipeline

    yield start
    for pipeline in running:
        pipeline.stop()


def test_a_thin_path_makes_smooth_pictures_smaller_and_another_wish_whole_again(
    start: Start, painter: Painter, witness: Witness
) -> None:
    pipeline = start()
    pipeline.reconfigure(bitrate_bps=100_000, preference="smooth")
    noise = np.random.default_rng(4).integers(0, 256, (480, 640, 4), dtype=np.uint8)

    def is_smaller() -> bool:
        noise[:] = np.roll(noise, 3, axis=1)
        painter.put(noise.tobytes(), 0, 0, 640, 480)
        return "3/4 of the size" in (pipeline.stats().limit_reason or "") and smaller() is not None

    def smaller() -> AccessUnit | None:
        return next((unit for unit in list(witness.units) if unit.width_px == 480), None)

    witness.until(is_smaller)
    unit = smaller()
    assert unit is not None
    assert (unit.height_px, unit.desktop_px) == (360, (640, 480))
    pipeline.reconfigure(bitrate_bps=8_000_000, preference="balanced")
    witness.until(lambda: witness.units[-1].width_px == 640)
    painter.fill(0x00FF00, 0, 0, 640, 480)
    witness.until_seen(lambda picture: picture.shape[1] == 640 and is_color(picture, 500, 100, (0, 255, 0), within=20))
    assert not witness.failures


@pytest.mark.parametrize("wish", ["vp9", "av1"])
def test_another_codec_goes_on_with_the_same_picture(
    start: Start, painter: Painter, witness: Witness, wish: Any
) -> None:
    painter.fill(0xC02020, 0, 0, 640, 480)
    pipeline = start()
    witness.until(lambda: bool(witness.units))
    assert witness.units[0].format == "h264"
    pipeline.reconfigure(codec=CodecWish(wish, takes=ALL, decodes=ALL))
    witness.until(lambda: witness.units[-1].format == wish)
    painter.fill(0x2020C0, 0, 0, 320, 480)
    witness.until_seen(
        lambda picture: (
            is_color(picture, 480, 240, (192, 32, 32), within=20)
            and is_color(picture, 160, 240, (32, 32, 192), within=20)
        )
    )
    assert witness.has_all()
    assert pipeline.stats().codec_reason is not None
    assert not witness.restarts


def test_a_codec_that_breaks_gives_way_to_the_baseline_and_says_why(
    start: Start, painter: Painter, witness: Witness
) -> None:
    def opener(settings: EncoderSettings) -> VideoEncoder:
        if settings.format == "av1":
            raise EncoderError("it broke")
        return open_encoder(settings)

    pipeline = start(opener=opener)
    witness.until(lambda: bool(witness.units))
    pipeline.reconfigure(codec=CodecWish("av1", takes=ALL, decodes=ALL))
    witness.until(lambda: witness.restarts == [("encoder", "it broke")])
    painter.fill(0x00FF00, 0, 0, 640, 480)
    witness.until_seen(lambda picture: is_color(picture, 100, 100, (0, 255, 0), within=20))
    assert pipeline.stats().codec_reason == "H.264: it broke"
    assert {unit.format for unit in witness.units} == {"h264"}
    assert not witness.failures


def test_a_graphics_card_that_breaks_in_the_middle_is_replaced_by_software(
    start: Start, painter: Painter, witness: Witness
) -> None:
    """The card's part is played by a child process with an encoder that needs none."""
    cards: list[GstEncoder] = []

    def opener(settings: EncoderSettings) -> VideoEncoder:
        if settings.engine == SOFTWARE:
            return open_encoder(settings)
        cards.append(GstEncoder(settings, PLAN))
        return cards[-1]

    pipeline = start(Machine(QUICK, ("x264enc",)), opener)
    witness.until(lambda: bool(witness.units))
    reason = pipeline.stats().codec_reason
    assert reason is not None
    assert "by x264enc on this machine's graphics card" in reason
    os.kill(cards[0]._child.process.pid, signal.SIGKILL)
    cards[0]._child.process.wait()

    def is_replaced() -> bool:
        painter.fill(0x0000FF, 0, 0, 640, 480)
        painter.fill(0x0000FE, 0, 0, 640, 480)
        return bool(witness.restarts)

    witness.until(is_replaced)
    witness.until_seen(lambda picture: is_color(picture, 100, 100, (0, 0, 255), within=20))
    assert len(cards) == 1
    reason = pipeline.stats().codec_reason
    assert reason is not None
    assert "in software: x264enc" in reason
    assert not witness.failures
