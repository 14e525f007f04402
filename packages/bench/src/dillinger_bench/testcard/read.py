"""Pixels → what the test card says. Pure: a picture goes in as bytes, figures come out.

`read.js` is the same reader for a page; `page_script()` gives it the layout, so that both read one drawing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from . import guest

Rgb = tuple[int, int, int]

_PROBE_PX = guest.BLOCK_PX // 4
"""A block is judged by its middle, where neither scaling nor a codec's ringing reaches."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Four bytes a pixel, rows without gaps; `order` names them (`RGBA` from a canvas, `BGRX` from X11)."""

    pixels: bytes | memoryview
    width_px: int
    height_px: int
    order: str = "RGBA"

    def rgb(self, x: int, y: int) -> Rgb:
        """The colour of one pixel; black outside."""
        if not (0 <= x < self.width_px and 0 <= y < self.height_px):
            return (0, 0, 0)
        at = 4 * (y * self.width_px + x)
        red, green, blue = (self.pixels[at + self.order.index(name)] for name in "RGB")
        return (red, green, blue)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the card's upper left corner is in the picture, and how many picture pixels one of its pixels takes."""

    x_px: float = 0.0
    y_px: float = 0.0
    scale: float = 1.0

    def at(self, x: float, y: float) -> tuple[int, int]:
        """The picture's pixel for a pixel of the card."""
        return round(self.x_px + x * self.scale), round(self.y_px + y * self.scale)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the card says; None where a word's check bits are wrong (a torn or strange picture)."""

    frame: int | None
    pointer: tuple[int, int] | None
    key: int | None
    """evdev number of the last key."""
    key_presses: int | None
    keys_held: int | None
    button: int | None
    button_presses: int | None
    wheel: tuple[int, int] | None
    """Sums of notches, x and y, positive right and down."""
    motion: tuple[int, int] | None
    """Sums of relative steps."""
    size: tuple[int, int] | None
    key_flip: bool
    button_flip: bool
    sound_flip: bool
    swatches: tuple[Rgb, ...]


def luma(colour: Rgb) -> float:
    """Brightness, BT.601."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def word_value(bits: list[bool]) -> int | None:
    """The 24 bits of a word, None when its check bits don't fit."""
    whole = sum(bit << place for place, bit in enumerate(reversed(bits)))
    value = whole >> guest.CHECK_BITS
    return value if guest.check_bits(value) == whole & 0xFF else None


def signed(value: int, bits: int) -> int:
    """`value` as two's complement of so many bits."""
    return value - (1 << bits) if value >> (bits - 1) else value


def _pair(value: int | None, *, is_signed: bool = False) -> tuple[int, int] | None:
    if value is None:
        return None
    first, second = value >> 12, value & 0xFFF
    return (signed(first, 12), signed(second, 12)) if is_signed else (first, second)


def read(picture: Picture, placement: Placement | None = None) -> Reading:
    """All that the card in `picture` says."""
    place = placement or Placement()

    def is_white(x: float, y: float) -> bool:
        probes = [(x + dx, y + dy) for dx in (-_PROBE_PX, 0, _PROBE_PX) for dy in (-_PROBE_PX, 0, _PROBE_PX)]
        return sum(luma(picture.rgb(*place.at(*probe))) for probe in probes) > 9 * 127

    words = {name: word_value(_row(name, is_white)) for name in guest.WORDS}
    key, button = words["key"], words["button"]
    flips = {name: is_white(x + guest.FLIP_PX / 2, y + guest.FLIP_PX / 2) for name, (x, y) in guest.FLIPS.items()}
    swatch_x, swatch_y = (at + guest.SWATCH_PX // 2 for at in guest.SWATCHES_AT_PX)
    return Reading(
        frame=words["frame"],
        pointer=_pair(words["pointer"]),
        key=None if key is None else key >> 16,
        key_presses=None if key is None else key >> 8 & 0xFF,
        keys_held=None if key is None else key & 0xFF,
        button=None if button is None else button >> 20,
        button_presses=None if button is None else button >> 12 & 0xFF,
        wheel=None if button is None else (signed(button & 0x3F, 6), signed(button >> 6 & 0x3F, 6)),
        motion=_pair(words["motion"], is_signed=True),
        size=_pair(words["size"]),
        key_flip=flips["key"],
        button_flip=flips["button"],
        sound_flip=flips["sound"],
        swatches=tuple(
            picture.rgb(*place.at(swatch_x + index * guest.SWATCH_PX, swatch_y)) for index in range(len(guest.SWATCHES))
        ),
    )


def _row(name: str, is_white: Callable[[float, float], bool]) -> list[bool]:
    x, y = guest.ORIGIN_PX[0], guest.ORIGIN_PX[1] + guest.WORDS.index(name) * guest.ROW_STEP_PX
    half = guest.BLOCK_PX / 2
    count = guest.DATA_BITS + guest.CHECK_BITS
    return [is_white(x + (place + 0.5) * guest.BLOCK_PX, y + half) for place in range(count)]


def reading_of(plain: Mapping[str, Any]) -> Reading:
    """The reading that `read.js` made, from its JSON."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    values["swatches"] = tuple(tuple(colour) for colour in plain["swatches"])
    return Reading(**values)


def layout() -> dict[str, object]:
    """The card's layout as plain data, for the reader in the page."""
    return {
        "blockPx": guest.BLOCK_PX,
        "originPx": guest.ORIGIN_PX,
        "rowStepPx": guest.ROW_STEP_PX,
        "dataBits": guest.DATA_BITS,
        "checkBits": guest.CHECK_BITS,
        "checkXor": guest.CHECK_XOR,
        "words": guest.WORDS,
        "flipPx": guest.FLIP_PX,
        "flips": guest.FLIPS,
        "swatchPx": guest.SWATCH_PX,
        "swatchesAtPx": guest.SWATCHES_AT_PX,
        "swatches": len(guest.SWATCHES),
        "panelPx": guest.PANEL_PX,
    }


def page_script() -> str:
    """JavaScript that defines `testcard = {layout, read(pixels, width, height)}` and `testcardSurface` (RGBA bytes)."""
    sources = [resources.files(__package__).joinpath(name).read_text("utf-8") for name in ("read.js", "surface.js")]
    return "\n".join([f"globalThis.testcardLayout = {json.dumps(layout())};", *sources])
