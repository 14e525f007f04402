"""VP8 (RFC 7741) and VP9 (RFC 9628) as RTP payloads. Pure.

Each picture is numbered, so a receiver knows a lost one; each refers to the one before and there are no layers, so no
more is said: of VP9 in its non-flexible mode. Leaves sequence numbers and the marker bit to the RTP sender.
"""

from __future__ import annotations

from .rtp_payload import MOST_BYTES, parts

PICTURE_IDS = 1 << 15
_LONG_ID = 0x8000
_VP8_EXTENDED, _VP8_START, _VP8_HAS_ID = 0x80, 0x10, 0x80
_VP8_HEADER_BYTES = 4
_VP8_TAG_BYTES, _VP8_KEYFRAME_BYTES = 3, 10
_VP9_HAS_ID, _VP9_INTER, _VP9_BEGIN, _VP9_END, _VP9_STRUCTURE = 0x80, 0x40, 0x08, 0x04, 0x02
_VP9_HEADER_BYTES = 3
_VP9_ONE_LAYER_WITH_SIZE = 0x10


def pack_vp8(frame: bytes, *, picture_id: int, most_bytes: int = MOST_BYTES) -> list[bytes]:
    """The payloads of one picture; `picture_id` is below `PICTURE_IDS`."""
    number = (_LONG_ID | picture_id).to_bytes(2, "big")
    second_at = _second_partition(frame)
    payloads, at = [], 0
    for part in parts(frame, most_bytes - _VP8_HEADER_BYTES):
        partition = int(at >= second_at)
        start = _VP8_START if at in (0, second_at) else 0
        payloads.append(bytes((_VP8_EXTENDED | start | partition, _VP8_HAS_ID)) + number + part)
        at += len(part)
    return payloads


def pack_vp9(
    frame: bytes, *, picture_id: int, is_keyframe: bool, size_px: tuple[int, int], most_bytes: int = MOST_BYTES
) -> list[bytes]:
    """The payloads of one picture; `picture_id` is below `PICTURE_IDS`. A keyframe tells its width and height."""
    number = (_LONG_ID | picture_id).to_bytes(2, "big")
    structure = b""
    if is_keyframe:
        width_px, height_px = size_px
        structure = bytes((_VP9_ONE_LAYER_WITH_SIZE,)) + width_px.to_bytes(2, "big") + height_px.to_bytes(2, "big")
    every = _VP9_HAS_ID | (0 if is_keyframe else _VP9_INTER)
    slices = parts(frame, most_bytes - _VP9_HEADER_BYTES - len(structure))
    payloads = []
    for index, part in enumerate(slices):
        first = every | (_VP9_END if index == len(slices) - 1 else 0)
        if index:
            payloads.append(bytes((first,)) + number + part)
        else:
            first |= _VP9_BEGIN | (_VP9_STRUCTURE if structure else 0)
            payloads.append(bytes((first,)) + number + structure + part)
    return payloads


def _second_partition(frame: bytes) -> int:
    """Where the coefficients begin, behind the modes and motion vectors (RFC 6386 section 9.1): encoders here make one
    partition of them."""
    tag = int.from_bytes(frame[:_VP8_TAG_BYTES], "little")
    is_delta, first_bytes = tag & 1, tag >> 5
    return (_VP8_TAG_BYTES if is_delta else _VP8_KEYFRAME_BYTES) + first_bytes
