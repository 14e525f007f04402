"""AV1 as RTP payloads (AOMedia's "RTP Payload Format For AV1", version 1.0). Pure.

What travels are a picture's OBUs without their size fields, since the packets tell; temporal delimiters, tile lists and
padding stay behind. Of one picture there are never more than a few OBUs, so each is told its length. Leaves sequence
numbers and the marker bit to the RTP sender.
"""

from __future__ import annotations

from collections.abc import Iterator

from .rtp_payload import MOST_BYTES

_CONTINUES, _GOES_ON, _NEW_SEQUENCE = 0x80, 0x40, 0x08
_HAS_EXTENSION, _HAS_SIZE = 0x04, 0x02
_TYPE_SHIFT, _TYPE_MASK = 3, 0x0F
_LEFT_OUT = frozenset({2, 8, 15})
"""Temporal delimiter, tile list, padding."""
_MOST_LENGTH_BYTES = 2
"""Of an OBU's part that fits into a packet."""
_MOST_LEB128_BYTES = 8
_LEAST_PART_BYTES = 16
"""Less room than that at a packet's end is not worth another part."""


def pack_av1(unit: bytes, *, is_keyframe: bool, most_bytes: int = MOST_BYTES) -> list[bytes]:
    """The payloads of one temporal unit, as the encoder made it; raises `ValueError` for what is none."""
    payloads: list[bytearray] = [bytearray(1)]
    payloads[0][0] = _NEW_SEQUENCE if is_keyframe else 0
    for obu in _obus(unit):
        at = 0
        while at < len(obu):
            room = most_bytes - len(payloads[-1]) - _MOST_LENGTH_BYTES
            if room < min(_LEAST_PART_BYTES, len(obu) - at):
                payloads.append(bytearray((_CONTINUES if at else 0,)))
                payloads[-2][0] |= _GOES_ON if at else 0
                continue
            part = obu[at : at + room]
            payloads[-1] += _leb128(len(part)) + part
            at += len(part)
    return [bytes(payload) for payload in payloads if len(payload) > 1]


def _obus(unit: bytes) -> Iterator[bytes]:
    """What travels of a unit, each OBU without its size (AV1 specification, section 5.3)."""
    at = 0
    while at < len(unit):
        header = unit[at]
        header_bytes = 2 if header & _HAS_EXTENSION else 1
        start = at + header_bytes
        if header & _HAS_SIZE:
            length, start = _read_leb128(unit, start)
        else:
            length = len(unit) - start
        if length < 0 or start + length > len(unit):
            raise ValueError("This AV1 unit ends within an OBU")
        if header >> _TYPE_SHIFT & _TYPE_MASK not in _LEFT_OUT:
            yield bytes((header & ~_HAS_SIZE,)) + unit[at + 1 : at + header_bytes] + unit[start : start + length]
        at = start + length


def _leb128(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(0x80 | number & 0x7F)
        number >>= 7
    found.append(number)
    return bytes(found)


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    number = 0
    for index in range(_MOST_LEB128_BYTES):
        if at + index >= len(data):
            break
        byte = data[at + index]
        number |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return number, at + index + 1
    raise ValueError("This AV1 unit has a length that does not end")
