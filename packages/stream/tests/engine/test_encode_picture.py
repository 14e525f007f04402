"""The picture that encoders read: right colours, in the right place, and nothing else touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dillinger_contracts.media import Box
from dillinger_stream.encode import libyuv
from dillinger_stream.encode.base import EncoderError, EncoderUnavailable
from dillinger_stream.encode.picture import I420Picture

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


def planes(picture: I420Picture) -> tuple[Any, Any, Any]:
    flat = picture.data.reshape(-1)
    quarter = WIDTH * HEIGHT // 4
    luma, blue, red = np.split(flat, [WIDTH * HEIGHT, WIDTH * HEIGHT + quarter])
    half = (HEIGHT // 2, WIDTH // 2)
    return luma.reshape(HEIGHT, WIDTH), blue.reshape(half), red.reshape(half)


@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (250, 120, 10)]
)
def test_colours_are_those_of_the_standard(colour: tuple[int, int, int]) -> None:
    picture = I420Picture(WIDTH, HEIGHT)
    picture.take(filled(*colour), EVERYTHING)
    for plane, expected in zip(planes(picture), by_the_book(*colour), strict=True):
        assert np.all(np.abs(plane.astype(float) - expected) <= 1.5)


def test_a_box_is_converted_into_its_place_and_nothing_else_changes() -> None:
    picture = I420Picture(WIDTH, HEIGHT)
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
        I420Picture(WIDTH, HEIGHT).take(filled(1, 2, 3, 2, 2), Box(0, 0, 2, 2))


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH + 2, 4), (HEIGHT - 2, WIDTH, 4), (HEIGHT, WIDTH, 3)])
def test_pixels_that_do_not_fit_are_refused_before_they_are_read(shape: tuple[int, int, int]) -> None:
    with pytest.raises(EncoderError, match="fit"):
        I420Picture(WIDTH, HEIGHT).take(np.zeros(shape, dtype=np.uint8), EVERYTHING)


def test_pixels_that_do_not_lie_side_by_side_are_refused() -> None:
    with pytest.raises(EncoderError, match="side by side"):
        I420Picture(WIDTH, HEIGHT).take(filled(1, 2, 3, WIDTH * 2)[:, ::2], EVERYTHING)


def test_activity_is_change_and_detail_a_pixel() -> None:
    picture = I420Picture(WIDTH, HEIGHT)
    picture.take(filled(255, 255, 255), EVERYTHING)
    assert picture.activity(is_alone=True).change == 235  # from nothing, 0, to white
    still = picture.activity(is_alone=True)
    assert (still.change, still.detail) == (0, 0)
    stripes = filled(0, 0, 0)
    stripes[:, ::2] = 255
    picture.take(stripes, EVERYTHING)
    lively = picture.activity(is_alone=True)
    assert lively.change == pytest.approx(219 / 2)
    assert lively.detail == pytest.approx(219 * (WIDTH - 1) / WIDTH)


def test_without_the_library_the_encoder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libyuv, "_LIBRARY", "libnowhere.so.0")
    libyuv._convert.cache_clear()
    with pytest.raises(EncoderUnavailable) as refused:
        I420Picture(WIDTH, HEIGHT)
    monkeypatch.undo()
    libyuv._convert.cache_clear()
    assert "libyuv0" in (refused.value.hint or "")
