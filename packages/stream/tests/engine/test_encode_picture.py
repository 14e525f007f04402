"""The picture that encoders read: right colours, in the right place, and nothing else touched."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dillinger_contracts.media import Box
from dillinger_stream.encode import libyuv
from dillinger_stream.encode.base import EncoderError, EncoderSettings, EncoderUnavailable
from dillinger_stream.encode.picture import SmallerPicture, YuvPicture, scaled_box

WIDTH, HEIGHT = 64, 48
EVERYTHING = Box(0, 0, WIDTH, HEIGHT)


def filled(red: int, green: int, blue: int, width: int = WIDTH, height: int = HEIGHT) -> Any:
    pixels = np.empty((height, width, 4), dtype=np.uint8)
    pixels[:] = (blue, green, red, 77)  # what is in the fourth byte means nothing
    return pixels


def by_the_book(red: int, green: int, blue: int) -> tuple[float, float, float]:
    """ITU-R BT.601, 8 bit, limited range."""
    luma = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    cb = 128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255
    return luma, cb, 128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255


def planes(picture: YuvPicture) -> tuple[Any, Any, Any]:
    flat = picture.data.reshape(-1)
    quarter = WIDTH * HEIGHT // 4
    luma, blue, red = np.split(flat, [WIDTH * HEIGHT, WIDTH * HEIGHT + quarter])
    half = (HEIGHT // 2, WIDTH // 2)
    return luma.reshape(HEIGHT, WIDTH), blue.reshape(half), red.reshape(half)


@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (250, 120, 10)]
)
def test_colours_are_those_of_the_standard(colour: tuple[int, int, int]) -> None:
    picture = YuvPicture(WIDTH, HEIGHT)
    picture.take(filled(*colour), EVERYTHING)
    for plane, expected in zip(planes(picture), by_the_book(*colour), strict=True):
        assert np.all(np.abs(plane.astype(float) - expected) <= 1.5)


def test_a_box_is_converted_into_its_place_and_nothing_else_changes() -> None:
    picture = YuvPicture(WIDTH, HEIGHT)
    picture.take(filled(10, 200, 30), EVERYTHING)
    before = picture.data.copy()
    box = Box(6, 10, 20, 14)
    whole = filled(240, 16, 90)
    picture.take(whole[10:24, 6:26], box)  # as a capture hands it over: a part of larger rows
    luma, blue, red = planes(picture)
    expected = by_the_book(240, 16, 90)
    assert np.all(np.abs(luma[10:24, 6:26].astype(float) - expected[0]) <= 1.5)
    assert np.all(np.abs(blue[5:12, 3:13].astype(float) - expected[1]) <= 1.5)
    assert np.all(np.abs(red[5:12, 3:13].astype(float) - expected[2]) <= 1.5)
    picture.take(filled(10, 200, 30, 20, 14), box)
    assert np.array_equal(picture.data, before)


def test_the_first_has_to_be_whole() -> None:
    with pytest.raises(EncoderError, match="whole"):
        YuvPicture(WIDTH, HEIGHT).take(filled(1, 2, 3, 2, 2), Box(0, 0, 2, 2))


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH + 2, 4), (HEIGHT - 2, WIDTH, 4), (HEIGHT, WIDTH, 3)])
def test_pixels_that_do_not_fit_are_refused_before_they_are_read(shape: tuple[int, int, int]) -> None:
    with pytest.raises(EncoderError, match="fit"):
        YuvPicture(WIDTH, HEIGHT).take(np.zeros(shape, dtype=np.uint8), EVERYTHING)


def test_pixels_that_do_not_lie_side_by_side_are_refused() -> None:
    with pytest.raises(EncoderError, match="side by side"):
        YuvPicture(WIDTH, HEIGHT).take(filled(1, 2, 3, WIDTH * 2)[:, ::2], EVERYTHING)


def test_activity_is_change_and_detail_a_pixel() -> None:
    picture = YuvPicture(WIDTH, HEIGHT)
    picture.take(filled(255, 255, 255), EVERYTHING)
    assert picture.activity([EVERYTHING], is_alone=True).change == 235  # from nothing, 0, to white
    still = picture.activity([EVERYTHING], is_alone=True)
    assert (still.change, still.detail) == (0, 0)
    stripes = filled(0, 0, 0)
    stripes[:, ::2] = 255
    picture.take(stripes, EVERYTHING)
    lively = picture.activity([EVERYTHING], is_alone=True)
    assert lively.change == pytest.approx(219 / 2)
    assert lively.detail == pytest.approx(219 * (WIDTH - 1) / WIDTH)


def test_looking_at_what_changed_alone_finds_all_of_it() -> None:
    rng = np.random.default_rng(3)
    told, whole = YuvPicture(WIDTH, HEIGHT), YuvPicture(WIDTH, HEIGHT)
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    for box in (EVERYTHING, Box(6, 10, 20, 14), Box(0, 8, 2, 2), Box(2, 10, 4, 4), Box(40, 40, 24, 8), Box(0, 0, 2, 2)):
        part = rng.integers(0, 256, (box.height, box.width, 4), dtype=np.uint8)
        pixels[box.y : box.y + box.height, box.x : box.x + box.width] = part
        told.take(part, box)
        whole.take(pixels, EVERYTHING)
        assert told.activity([box], is_alone=False) == whole.activity([EVERYTHING], is_alone=False)


def test_without_the_library_the_encoder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libyuv, "_LIBRARY", "libnowhere.so.0")
    libyuv._convert.cache_clear()
    with pytest.raises(EncoderUnavailable) as refused:
        YuvPicture(WIDTH, HEIGHT)
    monkeypatch.undo()
    libyuv._convert.cache_clear()
    assert "libyuv0" in (refused.value.hint or "")


def test_full_chroma_keeps_the_color_of_every_pixel() -> None:
    stripes = filled(200, 0, 0)
    stripes[:, ::2] = (200, 0, 0, 0)
    picture = YuvPicture(WIDTH, HEIGHT, is_full_chroma=True)
    picture.take(stripes, EVERYTHING)
    _, blue, red = picture.planes(EVERYTHING)
    assert blue.shape == red.shape == (HEIGHT, WIDTH)
    assert np.abs(blue[:, ::2].astype(int) - blue[:, 1::2].astype(int)).min() > 50


@pytest.mark.parametrize("scale", [Fraction(3, 4), Fraction(1, 2)])
@pytest.mark.parametrize("size", [(64, 48), (66, 50)])
def test_what_was_made_smaller_piece_by_piece_shows_no_seam(size: tuple[int, int], scale: Fraction) -> None:
    width, height = size
    settings = EncoderSettings(width, height, 1_000_000, 60.0, scale=scale)
    rng = np.random.default_rng(8)
    pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    pieces, whole = SmallerPicture(settings), SmallerPicture(settings)
    pieces.take(pixels, Box(0, 0, width, height))
    for x, y, across, down in ((10, 6, 20, 14), (30, 20, 12, 22), (0, 40, 8, 8)):
        change = rng.integers(0, 256, (down, across, 4), dtype=np.uint8)
        pixels[y : y + down, x : x + across] = change
        changed = pieces.take(change, Box(x, y, across, down))
        assert changed.x <= x * scale
        assert changed.x + changed.width >= (x + across) * scale - 1
    whole.take(pixels, Box(0, 0, width, height))
    assert np.abs(pieces.data.astype(int) - whole.data.astype(int)).max() <= 1
    assert (whole.data.shape[1], whole.data.shape[0] * 2 // 3) == settings.coded_px


@given(
    x=st.integers(0, 158), y=st.integers(0, 88), width=st.integers(1, 160), height=st.integers(1, 90),
    scale=st.sampled_from([Fraction(3, 4), Fraction(1, 2)]),
)  # fmt: skip
def test_a_box_and_its_place_in_the_smaller_picture_lie_inside_and_on_whole_chroma_samples(
    x: int, y: int, width: int, height: int, scale: Fraction
) -> None:
    whole = Box(0, 0, 320, 184)
    box = Box(2 * x, 2 * y, min(2 * width, 320 - 2 * x), min(2 * height, 184 - 2 * y))
    source, target = scaled_box(box, whole, scale)
    assert source.x <= box.x
    assert source.x + source.width >= box.x + box.width
    assert source.x + source.width <= 320
    assert source.y + source.height <= 184
    assert [target.x, target.width] == [int(source.x * scale), int(source.width * scale)]
    assert [target.y, target.height] == [int(source.y * scale), int(source.height * scale)]
    assert all(edge % 2 == 0 for edge in (target.x, target.y, target.width, target.height))
