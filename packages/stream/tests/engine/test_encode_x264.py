"""What libx264 makes is decoded and compared with what went in."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from dillinger_contracts.media import Box
from dillinger_stream.encode import libx264
from dillinger_stream.encode.base import EncoderError, EncoderSettings, EncoderUnavailable
from dillinger_stream.encode.h264 import codec_string, level
from dillinger_stream.encode.x264 import X264Encoder
from dillinger_stream.frames import AccessUnit, Frame, Patch

WIDTH, HEIGHT = 320, 192


def encoder(*, bitrate_bps: int = 8_000_000, rate_hz: float = 60.0) -> X264Encoder:
    return X264Encoder(EncoderSettings(WIDTH, HEIGHT, bitrate_bps, rate_hz))


def frame(pixels: Any, box: Box | None = None) -> Frame:
    return Frame(pixels, WIDTH, HEIGHT, box or Box(0, 0, WIDTH, HEIGHT), 17)


def plain(red: int, green: int, blue: int, width: int = WIDTH, height: int = HEIGHT) -> Any:
    return np.full((height, width, 4), (blue, green, red, 0), dtype=np.uint8)


class Decoder:
    """As a browser would: the matrix is the one that the stream names."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("h264", "r")
        self.last: Any = None

    def rgb(self, unit: AccessUnit) -> Any:
        (self.last,) = self._codec.decode(av.Packet(unit.data))
        return self.last.to_ndarray(format="rgb24")


def test_colors_survive() -> None:
    """Also through the decoder's own matrix, which it takes from the stream."""
    pixels = plain(0, 0, 0)
    colors = [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
        (0, 0, 0),
        (200, 120, 40),
        (17, 99, 180),
        (128, 128, 128),
    ]
    for number, (red, green, blue) in enumerate(colors):
        pixels[:, number * 40 : number * 40 + 40] = (blue, green, red, 0)
    shown = Decoder().rgb(encoder().encode(frame(pixels), keyframe=True))
    for number, color in enumerate(colors):
        middle = shown[80:100, number * 40 + 12 : number * 40 + 28].reshape(-1, 3).mean(axis=0)
        assert np.abs(middle - color).max() < 6, (color, middle)


def test_the_stream_says_how_its_colors_are_meant() -> None:
    decoder = Decoder()
    decoder.rgb(encoder().encode(frame(plain(9, 9, 9)), keyframe=True))
    picture = decoder.last
    assert picture.colorspace == Colorspace.ITU601
    assert picture.color_range == ColorRange.MPEG
    assert picture.color_primaries == ColorPrimaries.BT709
    assert picture.color_trc == ColorTrc.BT709


def test_only_the_box_changes() -> None:
    decoder, codec = Decoder(), encoder()
    decoder.rgb(codec.encode(frame(plain(200, 0, 0)), keyframe=True))
    box = Box(64, 32, 96, 48)
    unit = codec.encode(frame(plain(0, 0, 200, box.width, box.height), box), keyframe=False)
    assert (unit.box, unit.is_keyframe) == (box, False)
    shown = decoder.rgb(unit)
    inside, outside = shown[40:72, 72:152], shown[100:, :]
    assert np.abs(inside.reshape(-1, 3).mean(axis=0) - (0, 0, 200)).max() < 12
    assert np.abs(outside.reshape(-1, 3).mean(axis=0) - (200, 0, 0)).max() < 12


def test_patches_change_and_nothing_between_them() -> None:
    decoder, codec = Decoder(), encoder()
    decoder.rgb(codec.encode(frame(plain(200, 0, 0)), keyframe=True))
    one, other = Box(16, 16, 64, 32), Box(240, 144, 64, 32)
    change = Frame(
        plain(0, 0, 200, one.width, one.height), WIDTH, HEIGHT, one, 18,
        (Patch(plain(0, 200, 0, other.width, other.height), other),),
    )  # fmt: skip
    unit = codec.encode(change, keyframe=False)
    assert unit.box == Box(16, 16, 288, 160)
    shown = decoder.rgb(unit)
    for box, color in ((one, (0, 0, 200)), (other, (0, 200, 0)), (Box(96, 64, 128, 64), (200, 0, 0))):
        middle = shown[box.y + 8 : box.y + box.height - 8, box.x + 8 : box.x + box.width - 8]
        assert np.abs(middle.reshape(-1, 3).mean(axis=0) - color).max() < 12


def test_keyframes_come_when_asked_and_only_then() -> None:
    codec = encoder()
    pixels = plain(1, 2, 3)
    units = [codec.encode(frame(pixels), keyframe=number == 7) for number in range(300)]
    assert [unit.sequence for unit in units] == list(range(300))
    assert [unit.sequence for unit in units if unit.is_keyframe] == [0, 7]
    for number in (0, 7):
        assert codec_string(units[number].data) == units[number].codec
        assert units[number].box == Box(0, 0, WIDTH, HEIGHT)
        Decoder().rgb(units[number])  # decodes alone
    assert units[0].codec.startswith("avc1.42c0"), "constrained baseline"


def test_the_same_picture_again_gets_sharper() -> None:
    codec, decoder = encoder(bitrate_bps=1_500_000), Decoder()
    pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT // 4, WIDTH // 4, 4), dtype=np.uint8)
    pixels = np.ascontiguousarray(pixels.repeat(4, axis=0).repeat(4, axis=1))
    again = Frame(None, WIDTH, HEIGHT, Box(0, 0, 0, 0), 0)
    faults = []
    for number in range(6):
        unit = codec.encode(frame(pixels) if not number else again, keyframe=False)
        assert unit.box == Box(0, 0, WIDTH, HEIGHT)
        faults.append(float(np.abs(decoder.rgb(unit).astype(int) - pixels[:, :, 2::-1]).mean()))
    assert faults[-1] < faults[0] * 0.8


def noise_bits_per_second(codec: X264Encoder, *, frames: int = 90, settle: int = 30) -> float:
    """Over the last frames, at 60 a second."""
    rng = np.random.default_rng(3)
    base = rng.integers(0, 256, (HEIGHT, WIDTH * 2, 4), dtype=np.uint8)
    sizes = []
    for number in range(frames):
        x = number * 5 % WIDTH
        pixels = np.ascontiguousarray(base[:, x : x + WIDTH])
        sizes.append(len(codec.encode(frame(pixels), keyframe=False).data))
    return sum(sizes[settle:]) * 8 / (frames - settle) * 60


def test_the_bitrate_follows_within_a_second() -> None:
    codec = encoder(bitrate_bps=8_000_000)
    for wanted_bps in (8_000_000, 2_000_000, 500_000, 8_000_000):
        codec.reconfigure(bitrate_bps=wanted_bps, rate_hz=60.0)
        assert noise_bits_per_second(codec, frames=120, settle=60) == pytest.approx(wanted_bps, rel=0.15)


def test_another_rate_needs_no_keyframe() -> None:
    codec = encoder(bitrate_bps=1_000_000)
    pixels = plain(5, 5, 5)
    codec.encode(frame(pixels), keyframe=False)
    codec.reconfigure(bitrate_bps=9_000_000, rate_hz=30.0)
    unit = codec.encode(frame(plain(90, 5, 5)), keyframe=False)
    assert not unit.is_keyframe


def test_blocks_outside_of_the_box_stay_and_may_still_get_sharper() -> None:
    """They are told to libx264 as unchanged, in a picture that is at first too noisy for its bitrate."""
    rng = np.random.default_rng(9)
    pixels = rng.integers(0, 256, (HEIGHT // 4, WIDTH // 4, 4), dtype=np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    codec, decoder = encoder(bitrate_bps=1_000_000), Decoder()
    first = decoder.rgb(codec.encode(frame(np.ascontiguousarray(pixels)), keyframe=True)).astype(int)
    box = Box(0, 0, 16, 16)
    for number in range(60):
        small = np.full((16, 16, 4), number % 2 * 255, dtype=np.uint8)
        last = decoder.rgb(codec.encode(frame(small, box), keyframe=False)).astype(int)
    drawn = pixels[:, :, 2::-1].astype(int)
    assert np.abs(last[:16, :16] - 255).mean() < 12
    before, after = (np.abs(shown - drawn)[32:, 32:].mean() for shown in (first, last))
    assert after < before * 0.8


def test_no_picture_is_larger_than_the_buffer() -> None:
    codec = encoder(bitrate_bps=4_000_000)
    rng = np.random.default_rng(5)
    for number in range(40):
        pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
        unit = codec.encode(frame(pixels), keyframe=number == 20)
        assert len(unit.data) * 8 < 4_000_000 / 60 * 4 * 1.6


def test_a_first_keyframe_is_made_again_when_it_is_far_too_large() -> None:
    """A still picture of noise, of which nothing is known beforehand."""
    codec = encoder(bitrate_bps=500_000)
    pixels = np.random.default_rng(6).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    unit = codec.encode(frame(pixels), keyframe=True)
    assert len(unit.data) * 8 < 500_000 / 60 * 8
    Decoder().rgb(unit)


def test_a_library_of_another_build_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    libx264._library.cache_clear()
    monkeypatch.setattr(libx264, "_BUILD", 99)
    with pytest.raises(EncoderUnavailable, match="x264_encoder_open_99"):
        encoder()
    libx264._library.cache_clear()


def test_wrong_frames_are_encoder_errors() -> None:
    with pytest.raises(EncoderError, match="whole"):
        encoder().encode(frame(plain(0, 0, 0, 2, 2), Box(0, 0, 2, 2)), keyframe=False)
    with pytest.raises(EncoderError, match="pixels"):
        encoder().encode(Frame(plain(0, 0, 0, 64, 64), 64, 64, Box(0, 0, 64, 64), 0), keyframe=False)
    closed = encoder()
    closed.close()
    with pytest.raises(EncoderError, match="closed"):
        closed.encode(frame(plain(0, 0, 0)), keyframe=False)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(EncoderError):
        X264Encoder(EncoderSettings(20_000, 20_000, 1_000_000, 60.0))


def test_self_test_passes() -> None:
    encoder().self_test()


def test_codec_string() -> None:
    assert codec_string(b"\x00\x00\x00\x01\x09\xf0\x00\x00\x01\x67\x42\xc0\x20\x99") == "avc1.42c020"
    assert codec_string(b"\x00\x00\x01\x41\x9a") is None
    assert codec_string(b"\x00\x00\x01\x67\x42") is None
    assert codec_string(b"") is None


@pytest.mark.parametrize(
    ("size", "rate_hz", "wanted"),
    [
        ((1280, 720), 60.0, "4.1"),
        ((1920, 1080), 60.0, "4.2"),
        ((1920, 1080), 30.0, "4.1"),
        ((3840, 2160), 30.0, "5.1"),
        ((3840, 2160), 60.0, "5.2"),
        ((3840, 2160), 144.0, "6.2"),
    ],
)
def test_level(size: tuple[int, int], rate_hz: float, wanted: str) -> None:
    assert level(*size, rate_hz) == wanted
