"""What travels between the stages of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dillinger_contracts.media import Box
from dillinger_contracts.session import VideoFormat


class Patch(NamedTuple):
    """A part of a desktop: `pixels` is a numpy array (box.height, box.width, 4) of uint8, BGRX, which `box` places."""

    pixels: Any
    box: Box


@dataclass(frozen=True, slots=True)
class Frame:
    """A captured picture, borrowed from the capture's own memory until the next grab.

    `pixels` and `box` are the patch that changed since the last grab, or the first of several. An empty `box` says that
    nothing changed.
    """

    pixels: Any
    width_px: int
    height_px: int
    box: Box
    captured_at_ns: int
    """Monotonic clock, at the damage event that caused the grab."""
    more: tuple[Patch, ...] = ()
    """What changed elsewhere."""

    @property
    def patches(self) -> tuple[Patch, ...]:
        """All that changed."""
        return (Patch(self.pixels, self.box), *self.more)


@dataclass(frozen=True, slots=True, eq=False)
class PointerImage:
    """How the pointer looks: BGRA with premultiplied alpha, without empty margins, and where its hot spot is."""

    pixels: Any
    hot_x: int
    """From the left edge; it may lie outside, in what was cut off."""
    hot_y: int
    solid: Any = None
    """(height, width, 1) of bool: which pixels hide what is below, where all others show it; None for softer images."""

    @property
    def is_visible(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.pixels.size)

    def box_at(self, x: int, y: int) -> Box:
        """What it covers when the pointer is at (x, y)."""
        height, width = self.pixels.shape[:2]
        return Box(x - self.hot_x, y - self.hot_y, width, height)


NO_POINTER = PointerImage(np.empty((0, 0, 4), dtype=np.uint8), 0, 0)


@dataclass(frozen=True, slots=True)
class PointerSeen:
    """The desktop's pointer as it was last seen."""

    image: PointerImage
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded picture, ready for any number of peers."""

    data: bytes
    """Of H.264 in Annex B, SPS and PPS before each IDR."""
    sequence: int
    """Counts every unit of this stream from 0."""
    captured_at_ns: int
    width_px: int
    height_px: int
    box: Box
    """What changed, so that a viewer may draw only this."""
    is_keyframe: bool
    codec: str
    """WebCodecs codec string, e.g. `avc1.42c020`."""
    format: VideoFormat = "h264"
    desktop_px: tuple[int, int] | None = None
    """Width and height of what was captured; None for those of the picture itself."""
    encoded_at_ns: int = 0
    """Monotonic clock; 0 where nobody said it."""


@dataclass(frozen=True, slots=True)
class SoundPacket:
    """One Opus packet: 48 kHz, stereo."""

    data: bytes
    sequence: int
    captured_at_ns: int
    duration_ms: float
