"""Media over the signaling socket: binary messages, little-endian. Seat → browser (the WebSocket transport):

u8 kind (1 picture, 2 sound), u8 flags, u16 reserved, u32 sequence, u64 captured_at_us (the seat's monotonic clock)
picture only: u16 width, u16 height, u16 box_x, u16 box_y, u16 box_width, u16 box_height (what changed)
then the access unit (H.264: Annex B) or the Opus packet

Browser → seat, beside input (whose first byte, the op, is below 128): a player's microphone, whatever the transport.

u8 kind (130 voice), then one Opus packet (48 kHz, mono)
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_COMMON = struct.Struct("<BBHIQ")
_PICTURE = struct.Struct("<BBHIQHHHHHH")
PICTURE_HEADER_BYTES = _PICTURE.size
SOUND_HEADER_BYTES = _COMMON.size
KIND_PICTURE = 1
KIND_SOUND = 2
KIND_VOICE = 130
FLAG_KEYFRAME = 1


class Box(NamedTuple):
    """A rectangle in pixels.

    Some twenty are made for each picture, and a tuple takes a fifth of a frozen dataclass's time.
    """

    x: int
    y: int
    width: int
    height: int


def pack_picture_header(
    *, sequence: int, captured_at_us: int, width_px: int, height_px: int, box: Box, is_keyframe: bool
) -> bytes:
    """The 28 bytes before a picture's access unit."""
    return _PICTURE.pack(
        KIND_PICTURE, FLAG_KEYFRAME if is_keyframe else 0, 0, sequence & 0xFFFFFFFF, captured_at_us,
        width_px, height_px, box.x, box.y, box.width, box.height,
    )  # fmt: skip


def pack_sound_header(*, sequence: int, captured_at_us: int) -> bytes:
    """The 16 bytes before an Opus packet."""
    return _COMMON.pack(KIND_SOUND, 0, 0, sequence & 0xFFFFFFFF, captured_at_us)
