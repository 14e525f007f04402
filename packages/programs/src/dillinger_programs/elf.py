"""What an ELF file's headers and dynamic section say (gABI chapters 4 and 5). Pure over `read(offset, size)`.

What is read is bounded, whatever the headers say. Standard library only: it runs inside cells too (see `alone`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_HEADERS = 256
MAX_DYNAMIC_BYTES = 64 * 1024
MAX_NAME_BYTES = 4096
MAX_NEEDED = 512
MAX_FOLDERS = 64

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 5, 14, 15, 29
_ET_EXEC, _ET_DYN = 2, 3
MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
ReadAt = Callable[[int, int], bytes]
"""`read(offset, size)`: at most `size` bytes, fewer at the end of the file."""


class Unreadable(Exception):  # noqa: N818 - what the file is
    """The bytes are not what their first ones promise."""


@dataclass(frozen=True)
class Elf:
    """What the headers and the dynamic section of an ELF file say."""

    bits: int
    machine: str
    is_program: bool
    """Whether the kernel could start it: it is executable, or position-independent with an interpreter."""
    is_dynamic: bool
    interpreter: str | None
    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()

    @property
    def kind(self) -> tuple[int, str]:
        """Programs and libraries fit together when this is equal."""
        return (self.bits, self.machine)


def read_elf(read: ReadAt) -> Elf:
    """The ELF file behind `read`; raises `Unreadable`."""
    head = read(0, 64)
    if head[:4] != b"\x7fELF" or len(head) < 52 or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise Unreadable("it is no ELF file")
    is_wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    if is_wide and len(head) < 64:
        raise Unreadable("its ELF header is cut off")
    kind, machine = struct.unpack_from(order + "HH", head, 16)
    offset = struct.unpack_from(order + ("Q" if is_wide else "I"), head, 32 if is_wide else 28)[0]
    size, count = struct.unpack_from(order + "HH", head, 54 if is_wide else 42)
    segments = list(_segments(read, order, is_wide, offset, size, min(count, MAX_HEADERS)))
    interpreter = None
    dynamic: list[tuple[int, int]] = []
    for segment in segments:
        if segment.kind == _PT_INTERP and interpreter is None:
            interpreter = text_of(read(segment.offset, min(segment.size, MAX_NAME_BYTES)))
        elif segment.kind == _PT_DYNAMIC and not dynamic:
            dynamic = list(_dynamic(read(segment.offset, min(segment.size, MAX_DYNAMIC_BYTES)), order, is_wide))
    names = _Strings(read, segments, dict(reversed(dynamic)).get(_DT_STRTAB))
    needed = [names.at(value) for tag, value in dynamic if tag == _DT_NEEDED][:MAX_NEEDED]
    found = {tag: names.at(value) for tag, value in reversed(dynamic) if tag in (_DT_SONAME, _DT_RPATH, _DT_RUNPATH)}
    return Elf(
        bits=64 if is_wide else 32,
        machine=MACHINES.get(machine, f"machine {machine}"),
        is_program=kind == _ET_EXEC or (kind == _ET_DYN and interpreter is not None),
        is_dynamic=bool(dynamic),
        interpreter=interpreter,
        needed=tuple(name for name in dict.fromkeys(needed) if name),
        soname=found.get(_DT_SONAME) or None,
        rpath=_paths(found.get(_DT_RPATH, "")),
        runpath=_paths(found.get(_DT_RUNPATH, "")),
    )


@dataclass(frozen=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


def _segments(read: ReadAt, order: str, is_wide: bool, offset: int, size: int, count: int) -> Iterator[_Segment]:
    least = 56 if is_wide else 32
    if count and size < least:
        raise Unreadable("its program headers are too small")
    table = read(offset, size * count)
    for at in range(0, len(table) - least + 1, size or least):
        if is_wide:
            kind, _, start, address, _, length = struct.unpack_from(order + "IIQQQQ", table, at)
        else:
            kind, start, address, _, length = struct.unpack_from(order + "IIIII", table, at)
        yield _Segment(kind, start, address, length)


def _dynamic(table: bytes, order: str, is_wide: bool) -> Iterator[tuple[int, int]]:
    entry = struct.Struct(order + ("qQ" if is_wide else "iI"))
    for at in range(0, len(table) - entry.size + 1, entry.size):
        tag, value = entry.unpack_from(table, at)
        if tag == 0:
            return
        yield tag, value


class _Strings:
    """The dynamic section's names, read one by one."""

    def __init__(self, read: ReadAt, segments: list[_Segment], address: int | None) -> None:
        self._read = read
        self._start: int | None = None
        for segment in segments:
            is_in = segment.kind == _PT_LOAD and address is not None
            if is_in and address is not None and segment.address <= address < segment.address + segment.size:
                self._start = segment.offset + address - segment.address
                break

    def at(self, offset: int) -> str:
        return "" if self._start is None else text_of(self._read(self._start + offset, MAX_NAME_BYTES))


def text_of(value: bytes) -> str:
    """The name that `value` begins with, up to its NUL."""
    return value.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _paths(value: str) -> tuple[str, ...]:
    return tuple(part for part in value.split(":") if part)[:MAX_FOLDERS]
