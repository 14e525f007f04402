"""Where in a makeself script its archives are, read from its head; nothing of it is run. Pure.

makeself puts a shell script before a tar that is mostly compressed; the script knows its own number of lines and the
archives' sizes. Versions since 2.1 are understood: they differ in how they write the number of lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .elf import Unreadable

HEAD_BYTES = 256 * 1024
_LINES = (re.compile(rb'^skip="?(\d+)"?', re.MULTILINE), re.compile(rb'head -n (\d+) "\$0"'))
_SIZES = re.compile(rb'^filesizes="([\d ]+)"', re.MULTILINE)
_LABEL = re.compile(rb'^label="([^"\n]{1,200})"', re.MULTILINE)
_SCRIPT = re.compile(rb'^script="([^"\n]{1,500})"', re.MULTILINE)
_DECRYPT = re.compile(rb'^decrypt_cmd="([^"\n]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Makeself:
    """What a script says of itself."""

    archives: tuple[tuple[int, int], ...]
    """Where each archive begins, and its size."""
    label: str | None = None
    """What it calls what is in it."""
    script: str | None = None
    """What it starts once it is unpacked, from the folder that is unpacked."""

    @property
    def end(self) -> int:
        """Where the last archive ends; more may follow."""
        return sum(self.archives[-1])


def read_makeself(head: bytes) -> Makeself:
    """The script whose first `HEAD_BYTES` are `head`; raises `Unreadable`."""
    sizes = _SIZES.search(head)
    lines = next((found for pattern in _LINES if (found := pattern.search(head))), None)
    if head[:2] != b"#!" or sizes is None or lines is None:
        raise Unreadable("it does not say where its archive is, as makeself's scripts do")
    if _DECRYPT.search(head):
        raise Unreadable("its archive is encrypted")
    start = 0
    for _ in range(min(int(lines[1]), 100_000)):
        start = head.find(b"\n", start) + 1
        if start == 0:
            raise Unreadable("it is cut off")
    archives = []
    for size in sizes[1].split()[:16]:
        archives.append((start, int(size)))
        start += int(size)
    if not archives:
        raise Unreadable("it has no archive")
    return Makeself(tuple(archives), _text(_LABEL.search(head)), _text(_SCRIPT.search(head)))


def _text(found: re.Match[bytes] | None) -> str | None:
    return found[1].decode("utf-8", "replace").strip() or None if found else None
