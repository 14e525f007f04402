"""Where in an AppImage its files are. Pure over `read`.

Type 2: an ELF program (the runtime, which nothing here runs), and right behind it a squashfs. Type 1 is an ELF program
and an ISO 9660 image at once; those are told apart and left to their own runtime. Format: the AppImage specification.
"""

from __future__ import annotations

import struct

from .elf import ReadAt, Unreadable
from .squashfs import MAGIC, superblock

_PAGE_BYTES = 4096


def payload_offset(read: ReadAt) -> int:
    """Where the squashfs of a type 2 AppImage begins; raises `Unreadable` for everything else."""
    head = read(0, 64)
    if head[:4] != b"\x7fELF" or head[8:11] != b"AI\x02" or len(head) < 64:
        raise Unreadable("it is no AppImage of type 2")
    is_wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    sections: int = struct.unpack_from(order + ("Q" if is_wide else "I"), head, 40 if is_wide else 32)[0]
    size: int
    count: int
    size, count = struct.unpack_from(order + "HH", head, 58 if is_wide else 46)
    ends = [sections + size * count]
    if count and size >= (64 if is_wide else 40):
        last = read(sections + size * (count - 1), size)
        if len(last) == size:
            ends.append(sum(struct.unpack_from(order + ("QQ" if is_wide else "II"), last, 24 if is_wide else 16)))
    for end in (max(ends), -(-max(ends) // _PAGE_BYTES) * _PAGE_BYTES):
        if read(end, 4) == MAGIC:
            superblock(lambda offset, length, end=end: read(end + offset, length))  # type: ignore[misc]
            return end
    raise Unreadable("behind its runtime there is no squashfs")


def payload(read: ReadAt) -> ReadAt:
    """The squashfs of a type 2 AppImage; raises `Unreadable`."""
    start = payload_offset(read)
    return lambda offset, size: read(start + offset, size) if offset >= 0 else b""
