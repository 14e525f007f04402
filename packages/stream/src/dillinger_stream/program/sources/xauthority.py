"""The cookie that opens an X display, out of the file where `xauth` keeps it (Xau library, `Xau.h`).

An entry is a family (2 bytes, big endian), then address, display number, name and data, each after its length in
2 bytes. Pure but for reading the file, which may be anybody's: its size has a limit and what is cut off is left out.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts.small_file import read_small_file

COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"
_FAMILY_LOCAL = 256
_FAMILY_WILD = 65_535
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of `xauth list`."""

    family: int
    address: bytes
    number: bytes
    """Empty: any display."""
    name: bytes
    data: bytes


def entries(data: bytes) -> Iterator[Entry]:
    """What `data` holds, up to where it breaks off."""
    at = 0
    while at + 2 <= len(data):
        (family,) = struct.unpack_from(">H", data, at)
        at += 2
        fields: list[bytes] = []
        while len(fields) < 4:
            if at + 2 > len(data):
                return
            (length,) = struct.unpack_from(">H", data, at)
            if at + 2 + length > len(data):
                return
            fields.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        yield Entry(family, *fields)


def cookie_for(found: Iterator[Entry], *, number: int, host: str) -> bytes | None:
    """The cookie of the local display `number`; None where there is none."""
    for entry in found:
        is_here = entry.family == _FAMILY_WILD or (entry.family == _FAMILY_LOCAL and entry.address == host.encode())
        if is_here and entry.name == COOKIE_NAME and entry.number in (b"", str(number).encode()):
            return entry.data
    return None


def authority_file(environment: Mapping[str, str]) -> Path:
    """Where the cookies are."""
    named = environment.get("XAUTHORITY")
    return Path(named) if named else Path(environment.get("HOME") or "/") / ".Xauthority"


def find_cookie(number: int, environment: Mapping[str, str]) -> bytes | None:
    """The cookie of the local display `number`; None where there is no file that can be read, or nothing in it."""
    try:
        data, _ = read_small_file(authority_file(environment), most_bytes=_MOST_BYTES)
    except OSError:
        return None
    return cookie_for(entries(data), number=number, host=socket.gethostname())
