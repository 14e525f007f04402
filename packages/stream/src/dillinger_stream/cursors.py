"""Who draws the desktop's pointer: every viewer its own, or the picture for all of them; and what each is told.

The picture is one for all, so it lacks the pointer only while every viewer draws it itself. It holds it again as soon
as one can't (a standard player, a program), or the shape is larger than browsers draw, or shapes come too fast.
On the loop.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from dillinger_contracts.cursor import CURSOR_SLOTS, MOST_CURSOR_CHARS, MOST_CURSOR_PX, Cursor, CursorAt, CursorShape
from dillinger_contracts.signaling import FromSeat

from .frames import PointerImage, PointerSeen
from .transport.bucket import TokenBucket

_SHAPE_RATE_HZ, _SHAPE_BURST = 20.0, 100.0
"""Of shapes that were not seen before, or not lately: each is sent to every viewer."""
_MOST_PLACE = 32_767


def shape_of(image: PointerImage) -> CursorShape | None:
    """A visible image as browsers draw it, with its hot spot inside; None for one that is too large for that. Pure."""
    height, width = image.pixels.shape[:2]
    left, top = max(0, -image.hot_x), max(0, -image.hot_y)
    hot_x, hot_y = image.hot_x + left, image.hot_y + top
    wide, high = max(left + width, hot_x + 1), max(top + height, hot_y + 1)
    if wide > MOST_CURSOR_PX or high > MOST_CURSOR_PX:
        return None
    alpha = image.pixels[:, :, 3:4].astype(np.uint16)
    pixels = np.zeros((high, wide, 4), dtype=np.uint8)
    placed = pixels[top : top + height, left : left + width]
    premultiplied = image.pixels[:, :, 2::-1].astype(np.uint16)
    placed[:, :, :3] = np.minimum((premultiplied * 255 + alpha // 2) // np.maximum(alpha, 1), 255)
    placed[:, :, 3:4] = alpha
    png = base64.b64encode(_png(pixels.tobytes(), wide, high)).decode()
    if len(png) > MOST_CURSOR_CHARS:
        return None
    return CursorShape(width_px=wide, height_px=high, hot_x=hot_x, hot_y=hot_y, png=png)


def _png(rgba: bytes, width_px: int, height_px: int) -> bytes:
    """https://www.w3.org/TR/png-3/: 8 bits of red, green, blue and alpha, no filter."""
    stride = width_px * 4
    rows = b"".join(b"\0" + rgba[at : at + stride] for at in range(0, len(rgba), stride))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@dataclass(frozen=True, slots=True)
class Shelved:
    """A shape in its slot."""

    slot: int
    edition: int
    """Counts what was put into any slot."""
    shape: CursorShape


class ShapeShelf:
    """The shapes of late, each in a slot; the one that was not used for longest makes room. Pure."""

    def __init__(self, slots: int = CURSOR_SLOTS) -> None:
        self._slots = slots
        self._shelved: dict[bytes, Shelved] = {}
        """By what the image is; the one used last comes last."""
        self._editions = 0

    def find(self, image: PointerImage) -> Shelved | None:
        """Where it is, if it is."""
        key = _digest(image)
        found = self._shelved.pop(key, None)
        if found is not None:
            self._shelved[key] = found
        return found

    def put(self, image: PointerImage, shape: CursorShape) -> Shelved:
        """Into a free slot, or the one that was not used for longest."""
        if len(self._shelved) < self._slots:
            slot = len(self._shelved)
        else:
            slot = self._shelved.pop(next(iter(self._shelved))).slot
        self._editions += 1
        made = self._shelved[_digest(image)] = Shelved(slot, self._editions, shape)
        return made


def _digest(image: PointerImage) -> bytes:
    head = struct.pack("=IIii", *image.pixels.shape[:2], image.hot_x, image.hot_y)
    return hashlib.blake2b(head + image.pixels.tobytes(), digest_size=16).digest()


class CursorViewer(Protocol):
    """A peer, as far as the pointer goes."""

    @property
    def draws_cursor(self) -> bool:
        """Whether it draws the pointer itself."""
        ...

    def say_newest(self, newest: Callable[[], FromSeat | None]) -> None:
        """Sends it what `newest` says when there is room, until that is None."""
        ...


class _Told:
    """What one viewer knows."""

    def __init__(self) -> None:
        self.cursor: tuple[bool, int] | None = None
        """Whether the picture holds the pointer, and the edition of what it draws itself."""
        self.place: CursorAt | None = None
        self.editions: dict[int, int] = {}
        """Slot → what is in it there."""


class Cursors:
    """The pointer of one stream."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._seen: PointerSeen | None = None
        self._shelved: Shelved | None = None
        """Of what was seen; None where it is hidden, or can't be drawn by browsers."""
        self._shelf = ShapeShelf()
        self._new_shapes = TokenBucket(rate_hz=_SHAPE_RATE_HZ, burst=_SHAPE_BURST)
        self._told: dict[CursorViewer, _Told] = {}
        self._in_picture = True

    def saw(self, seen: PointerSeen) -> None:
        """The pointer is another or elsewhere; `settle` has to follow."""
        if self._seen is None or seen.image is not self._seen.image:
            self._shelved = self._shelve(seen.image)
        self._seen = seen

    def settle(self, viewers: Iterable[CursorViewer]) -> bool:
        """Tells `viewers`, who are all there are, what they do not know; whether the picture is to hold the pointer."""
        everybody = list(viewers)
        self._told = {viewer: self._told.get(viewer) or _Told() for viewer in everybody}
        seen, shelved = self._seen, self._shelved
        is_apart = all(viewer.draws_cursor for viewer in everybody)
        is_hidden = seen is not None and not seen.image.is_visible
        in_picture = not is_apart or (seen is not None and shelved is None and not is_hidden)
        self._in_picture = in_picture
        if seen is not None:  # a desktop that draws its own pointer never tells of it, and its pages hide theirs anyway
            for viewer in everybody:
                if viewer.draws_cursor:
                    viewer.say_newest(partial(self._news, self._told[viewer]))
        return in_picture

    def _news(self, told: _Told) -> FromSeat | None:
        """What one viewer does not know yet, and does from now on."""
        seen, shelved = self._seen, None if self._in_picture else self._shelved
        edition = 0 if shelved is None else shelved.edition
        if (self._in_picture, edition) != told.cursor:
            told.cursor = (self._in_picture, edition)
            return self._message(told, shelved)
        place = None if seen is None or shelved is None else CursorAt(x=_bounded(seen.x), y=_bounded(seen.y))
        if place is None or place == told.place:
            return None
        told.place = place
        return place

    def _message(self, told: _Told, shelved: Shelved | None) -> Cursor:
        if shelved is None:
            return Cursor(drawn="picture" if self._in_picture else "nothing")
        is_known = told.editions.get(shelved.slot) == shelved.edition
        told.editions[shelved.slot] = shelved.edition
        return Cursor(drawn="shape", slot=shelved.slot, shape=None if is_known else shelved.shape)

    def _shelve(self, image: PointerImage) -> Shelved | None:
        if not image.is_visible or max(image.pixels.shape[:2]) > MOST_CURSOR_PX:
            return None
        found = self._shelf.find(image)
        if found is not None or not self._new_shapes.try_take(self._clock_s()):
            return found
        shape = shape_of(image)
        return None if shape is None else self._shelf.put(image, shape)


def _bounded(place: int) -> int:
    return max(-_MOST_PLACE - 1, min(place, _MOST_PLACE))
