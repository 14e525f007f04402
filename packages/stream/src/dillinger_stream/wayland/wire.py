"""The Wayland wire format, sans-IO: requests into bytes, bytes into events.

A message is the number of its object, its length and the number of its request or event (its opcode), then arguments
in words of four bytes (Wayland protocol specification, chapter 4, "Wire format"). Signatures have a letter for each:

    i int   u uint   f fixed   s string   a array   o object   n new object   h descriptor (travels beside the bytes)

What a hostile compositor sends is read with limits; what does not fit its signature is a `WireError`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

_HEADER = struct.Struct("=II")
_WORD = struct.Struct("=I")
_INT = struct.Struct("=i")
HEADER_BYTES = _HEADER.size
_FIXED_ONE = 256
"""A fixed has 8 bits behind the point."""
_MOST_STRING_BYTES = 4096


class WireError(ValueError):
    """Bytes that are no message, or not the one that they should be."""


def pack(object_id: int, opcode: int, signature: str, arguments: Sequence[Any]) -> tuple[bytes, list[int]]:
    """A message and the descriptors that travel with it. A new object's argument is its number, as an object's is."""
    parts: list[bytes] = []
    descriptors: list[int] = []
    for kind, value in zip(signature, arguments, strict=True):
        match kind:
            case "i":
                parts.append(_INT.pack(value))
            case "f":
                parts.append(_INT.pack(round(value * _FIXED_ONE)))
            case "u" | "o" | "n":
                parts.append(_WORD.pack(value))
            case "s":
                parts.append(_padded(value.encode() + b"\0"))
            case "a":
                parts.append(_padded(value))
            case _:
                descriptors.append(value)
    payload = b"".join(parts)
    return _HEADER.pack(object_id, HEADER_BYTES + len(payload) << 16 | opcode) + payload, descriptors


def _padded(data: bytes) -> bytes:
    return _WORD.pack(len(data)) + data + bytes(-len(data) % 4)


class Reader:
    """Bytes in, messages out."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """What came next."""
        self._bytes += data

    def next(self) -> tuple[int, int, bytes] | None:
        """Object, opcode and arguments of the next message; None until it is whole. Raises `WireError`."""
        if len(self._bytes) < HEADER_BYTES:
            return None
        object_id, rest = _HEADER.unpack_from(self._bytes)
        size, opcode = rest >> 16, rest & 0xFFFF
        if size < HEADER_BYTES or size % 4:
            raise WireError(f"a message of {size} bytes")
        if len(self._bytes) < size:
            return None
        payload = bytes(self._bytes[HEADER_BYTES:size])
        del self._bytes[:size]
        return object_id, opcode, payload


def unpack(payload: bytes, signature: str, take_descriptor: Callable[[], int]) -> list[Any]:
    """The arguments of a message; raises `WireError` where they are not exactly those of `signature`."""
    found: list[Any] = []
    at = 0
    for kind in signature:
        if kind == "h":
            found.append(None)
            continue
        if at + 4 > len(payload):
            raise WireError(f"{len(payload)} bytes for {signature!r}")
        if kind in "if":
            number: int = _INT.unpack_from(payload, at)[0]
            found.append(number / _FIXED_ONE if kind == "f" else number)
            at += 4
            continue
        word: int = _WORD.unpack_from(payload, at)[0]
        at += 4
        if kind not in "sa":
            found.append(word)
            continue
        if at + word > len(payload):
            raise WireError(f"{len(payload)} bytes for {signature!r}")
        data = payload[at : at + word]
        at += word + -word % 4
        found.append(data if kind == "a" else _text(data))
    if at != len(payload):
        raise WireError(f"{len(payload)} bytes for {signature!r}")
    # Last, so that none is lost where the rest can't be read.
    return [take_descriptor() if kind == "h" else value for kind, value in zip(signature, found, strict=True)]


def _text(data: bytes) -> str:
    return data[:_MOST_STRING_BYTES].rstrip(b"\0").decode("utf-8", "replace")
