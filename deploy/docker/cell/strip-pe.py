"""`strip-pe.py FOLDER…`: takes the debugging sections out of Wine's Windows libraries, three quarters of their size.

Debian ships them unstripped, and `strip` would write them anew without the mark in their DOS stub by which Wine knows
its own. The sections are the last ones of each file, in it and in memory, so it is enough to cut them off and to say so
in the headers (Microsoft's "PE Format"). A file that is not so is left alone. Prints how much was saved. Standard
library only; runs in the build.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

_SECTION = struct.Struct("<8sIIII16s")
_DEBUG = b".debug"


def stripped(file: bytes) -> bytes:
    """`file` without what only a debugger reads; as it is where that is not at its end."""
    if file[:2] != b"MZ" or len(file) < 64:
        return file
    head = struct.unpack_from("<I", file, 60)[0]
    if file[head : head + 4] != b"PE\0\0":
        return file
    count, _, symbols, symbol_count, optional_bytes = struct.unpack_from("<HIIIH", file, head + 6)
    table = head + 24 + optional_bytes
    sections = [_SECTION.unpack_from(file, table + _SECTION.size * at) for at in range(count)]
    strings = symbols + 18 * symbol_count
    names = [_name(file, strings if symbols else None, section[0]) for section in sections]
    kept = next((at for at, name in enumerate(names) if name.startswith(_DEBUG)), count)
    if kept in (0, count) or not all(name.startswith(_DEBUG) for name in names[kept:]):
        return file
    ends = [start + size for _, _, _, size, start, _ in sections[:kept]]
    if any(start < max(ends) for _, _, _, size, start, _ in sections[kept:] if size):
        return file
    made = bytearray(file[: max(ends)])
    for at in range(count):
        place = table + _SECTION.size * at
        made[place : place + _SECTION.size] = bytes(_SECTION.size)
        if at < kept:
            _SECTION.pack_into(made, place, names[at][:8], *sections[at][1:])
    struct.pack_into("<HIII", made, head + 6, kept, struct.unpack_from("<I", file, head + 8)[0], 0, 0)
    (alignment,) = struct.unpack_from("<I", file, head + 24 + 32)
    _, size, address, *_ = sections[kept - 1]
    struct.pack_into("<I", made, head + 24 + 56, -(-(address + size) // alignment) * alignment)
    return bytes(made)


def _name(file: bytes, strings: int | None, name: bytes) -> bytes:
    """A name of more than eight bytes is a number: where it is among the strings."""
    if strings is None or name[:1] != b"/":
        return name.rstrip(b"\0")
    start = strings + int(name[1:].rstrip(b"\0"))
    return file[start : file.index(b"\0", start)]


def main() -> None:
    """Every file of the folders."""
    saved_bytes = 0
    for folder in sys.argv[1:]:
        for path in Path(folder).iterdir():
            if path.is_file() and not path.is_symlink():
                file = path.read_bytes()
                made = stripped(file)
                if made is not file:
                    path.write_bytes(made)
                    saved_bytes += len(file) - len(made)
    print(f"{saved_bytes / 1e6:.0f} MB of debugging sections taken out")


if __name__ == "__main__":
    main()
