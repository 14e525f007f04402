"""How much a folder that a hostile program writes takes up: bounded, and without following a link. Blocking."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_ENTRIES = 200_000


@dataclass(frozen=True, slots=True)
class Room:
    """What a file system has left for ordinary users."""

    free_bytes: int
    free_entries: int
    """Files that can still be made; 0 where the file system does not count them."""

    @classmethod
    def of(cls, folder: Path) -> Room:
        """Of the file system that `folder` is on; costs microseconds."""
        found = os.statvfs(folder)
        return cls(found.f_bavail * found.f_frsize, found.f_favail)


def folder_bytes(*folders: Path, limit: int | None = None) -> int:
    """Bytes that what is below `folders` takes up on disk; stops counting past `limit`. Folders that are not there
    hold nothing."""
    total = 0
    for size in _sizes([str(folder) for folder in folders]):
        total += size
        if limit is not None and total > limit:
            break
    return total


def _sizes(waiting: list[str]) -> Iterator[int]:
    entries = 0
    while waiting:
        try:
            scan = os.scandir(waiting.pop())
        except OSError:
            continue
        with scan:
            for entry in scan:
                entries += 1
                try:
                    stat = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                except OSError:
                    continue
                # An entry costs its folder something too: a million empty files are no free lunch.
                yield max(stat.st_blocks * 512, 512) if entries < MAX_ENTRIES else 1 << 20
