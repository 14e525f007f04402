"""Every format is really encoded and decoded: what comes out looks like what went in, at its size and its bitrate."""

from __future__ import annotations

import threading
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, get_args

import av
import numpy as np
import pytest
from packages.stream.tests.engine.codec_parts import DECODERS

from dillinger_contracts.media import Box
from dillinger_contracts.session import VideoFormat
from dillinger_stream.encode import libsvtav1
from dillinger_stream.encode.base import EncoderError, EncoderSettings, VideoEncoder
from dillinger_stream.encode.codecs import open_encoder
from dillinger_stream.frames import AccessUnit, Frame

WIDTH, HEIGHT = 320, 192
WHOLE = Box(0, 0, WIDTH, HEIGHT)
FORMATS: tuple[VideoFormat, ...] = get_args(VideoFormat)
BT_601_LUMA = np.array([0.299, 0.587, 0.114])


def opened(format_: VideoFormat, *, bitrate_bps: int = 4_000_000, scale: Fraction = Fraction(1)) -> VideoEncoder:
    return open_encoder(EncoderSettings(WIDTH, HEIGHT, bitrate_bps, 60.0, format_, scale))


class Decoder:
    """To red, green and blue by BT.601, whether the stream says so or not (VP8's can't)."""

    def __init__(self, format_: VideoFormat) -> None:
        self._codec: Any = av.CodecContext.create(DECODERS.get(format_, "h264"), "r")
        self._codec.thread_count = 1
        self.last: Any = None

    def rgb(self, unit: AccessUnit) -> Any:
        (self.last,) = self._codec.decode(av.Packet(unit.data))
        return self.last.to_ndarray(format="rgb24", src_colorspace="ITU601")


def shapes(seed: int = 1, width: int = WIDTH) -> Any:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (HEIGHT // 16, width // 16, 4), dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(16, axis=0).repeat(16, axis=1))


def plain(red: int, green: int, blue: int, width: int = WIDTH, height: int = HEIGHT) -> Any:
    return np.full((height, width, 4), (blue, green, red, 0), dtype=np.uint8)


@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_decoded_is_what_was_drawn(format_: VideoFormat) -> None:
    encoder, decoder, pixels = opened(format_), Decoder(format_), shapes()
    for number in range(3):
        unit = encoder.encode(Frame(pixels, WIDTH, HEIGHT, WHOLE, number), keyframe=False)
        shown = decoder.rgb(unit)
    assert (unit.format, unit.sequence, unit.is_keyframe) == (format_, 2, False)
    luma, drawn = shown @ BT_601_LUMA, pixels[:, :, 2::-1] @ BT_601_LUMA
    assert np.abs(luma - drawn).mean() < 6
    encoder.close()
    with pytest.raises(EncoderError):
        encoder.encode(Frame(pixels, WIDTH, HEIGHT, WHOLE, 9), keyframe=False)


@pytest.mark.parametrize("format_", FORMATS)
def test_keyframes_come_when_asked_decode_alone_and_name_the_codec(format_: VideoFormat) -> None:
    encoder, pixels = opened(format_), shapes()
    units = [encoder.encode(Frame(pixels, WIDTH, HEIGHT, WHOLE, n), keyframe=n == 5) for n in range(12)]
    assert [unit.sequence for unit in units if unit.is_keyframe] == [0, 5]
    assert len({unit.codec for unit in units}) == 1
    Decoder(format_).rgb(units[5])
    encoder.self_test()
    encoder.close()


@pytest.mark.parametrize("format_", FORMATS)
def test_a_changed_box_changes_and_the_rest_stays(format_: VideoFormat) -> None:
    encoder, decoder = opened(format_), Decoder(format_)
    decoder.rgb(encoder.encode(Frame(plain(200, 0, 0), WIDTH, HEIGHT, WHOLE, 0), keyframe=True))
    box = Box(64, 32, 96, 48)
    change = plain(0, 0, 200, box.width, box.height)
    for number in range(3):
        unit = encoder.encode(Frame(change, WIDTH, HEIGHT, box, number), keyframe=False)
        shown = decoder.rgb(unit)
    assert (unit.box.x, unit.box.y) <= (box.x, box.y)
    assert unit.box.x + unit.box.width >= box.x + box.width
    assert np.abs(shown[40:72, 72:152].reshape(-1, 3).mean(axis=0) - (0, 0, 200)).max() < 16
    assert np.abs(shown[120:, :].reshape(-1, 3).mean(axis=0) - (200, 0, 0)).max() < 16
    encoder.close()


@pytest.mark.parametrize("format_", FORMATS)
def test_the_bitrate_follows_within_a_second(format_: VideoFormat) -> None:
    """Of noise, a picture of so many pixels that each format can be made as coarse as the least bitrate asks for."""
    width, height, rng = 192, 128, np.random.default_rng(3)
    pictures = [rng.integers(0, 256, (height, width, 4), dtype=np.uint8) for _ in range(50)]
    encoder, number = open_encoder(EncoderSettings(width, height, 8_000_000, 60.0, format_)), 0
    least_bps = 1_000_000 if format_ == "h264-444" else 500_000
    for wanted_bps in (8_000_000, 2_000_000, least_bps, 8_000_000):
        encoder.reconfigure(bitrate_bps=wanted_bps, rate_hz=60.0)
        sizes = []
        for _ in range(120):
            frame = Frame(pictures[number % 50], width, height, Box(0, 0, width, height), number * 16_666_667)
            sizes.append(len(encoder.encode(frame, keyframe=False).data))
            number += 1
        assert sum(sizes[60:]) * 8 == pytest.approx(wanted_bps, rel=0.15)
    encoder.close()


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("scale", [Fraction(3, 4), Fraction(1, 2)])
def test_a_smaller_picture_shows_the_same(format_: VideoFormat, scale: Fraction) -> None:
    encoder, decoder, pixels = opened(format_, scale=scale), Decoder(format_), shapes()
    unit = encoder.encode(Frame(pixels, WIDTH, HEIGHT, WHOLE, 0), keyframe=False)
    assert (unit.width_px, unit.height_px) == (int(WIDTH * scale), int(HEIGHT * scale))
    assert unit.desktop_px == (WIDTH, HEIGHT)
    decoder.rgb(unit)
    change = np.ascontiguousarray(shapes(2)[32:96, 64:160])
    for number in range(3):
        unit = encoder.encode(Frame(change, WIDTH, HEIGHT, Box(64, 32, 96, 64), number), keyframe=False)
        assert unit.box.x + unit.box.width <= unit.width_px
        shown = decoder.rgb(unit)
    expected = pixels.copy()
    expected[32:96, 64:160] = change
    large = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(WIDTH, HEIGHT).to_ndarray(format="rgb24")
    difference = np.abs(large @ BT_601_LUMA - expected[:, :, 2::-1] @ BT_601_LUMA)
    assert difference.mean() < 16
    encoder.close()


def test_sharp_text_has_a_color_for_every_pixel() -> None:
    """Red letters of one pixel on blue: 4:2:0 makes purple of them."""
    pixels = plain(0, 0, 200)
    pixels[:, ::2] = (0, 0, 220, 0)
    means = {}
    for format_ in ("h264", "h264-444"):
        encoder = opened(format_, bitrate_bps=40_000_000)
        shown = Decoder(format_).rgb(encoder.encode(Frame(pixels, WIDTH, HEIGHT, WHOLE, 0), keyframe=True))
        means[format_] = float(np.abs(shown.astype(int) - pixels[:, :, 2::-1]).mean())
        encoder.close()
    assert means["h264-444"] < means["h264"] / 3


def test_an_encoder_whose_threads_wait_for_each_other_is_left_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As SVT-AV1 did once: who encodes gets a word and may open another; closing it waits for nothing."""
    opened("av1").close()
    library, stuck = libsvtav1._library(), threading.Event()
    calls = {name: getattr(library, name) for name in vars(library) if name.startswith("svt_av1_enc_")}
    deaf = SimpleNamespace(**calls | {"svt_av1_enc_get_packet": lambda *_: stuck.wait(60) and 0})
    monkeypatch.setattr(libsvtav1, "_library", lambda: deaf)
    monkeypatch.setattr(libsvtav1, "_ANSWERS_WITHIN_S", 0.2)
    encoder = opened("av1")
    with pytest.raises(EncoderError, match="made nothing of a picture"):
        encoder.encode(Frame(shapes(), WIDTH, HEIGHT, WHOLE, 0), keyframe=True)
    encoder.close()
    stuck.set()
