"""When a player's folders hold more than they may, or the disk is nearly full.

An unprivileged process can set no quota, so the folders are measured. What the file system has left is looked at four
times a second, which costs nothing; the folders are walked when that has shrunk enough to matter, and rarely otherwise.
How far a game can get over its limit is what it writes until the next look: no file may outgrow the limit
(RLIMIT_FSIZE), and the cell has no fallocate, so that every byte has to be written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dillinger_saves.measure import Room, folder_bytes

LOOK_S = 0.25
LONGEST_S = 120.0
MANY_ENTRIES = 10_000
_NEARLY = 0.9
_GROWN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class DiskLimit:
    """What a session may write."""

    folders: tuple[Path, ...]
    """On one file system; the first is always there."""
    limit_bytes: int
    reserve_bytes: int = 0
    """What the file system is to keep free."""
    spare_bytes: int = 0
    """What is in the folders and not the player's to answer for."""


def worth_a_walk(before: Room, now: Room, headroom_bytes: int, walked_s_ago: float) -> bool:
    """Whether the folders may have come near their limit since they were last measured, with `before` left on the
    disk and `headroom_bytes` in them."""
    return (
        before.free_bytes - now.free_bytes > headroom_bytes // 4
        or before.free_entries - now.free_entries > MANY_ENTRIES
        or walked_s_ago >= LONGEST_S
    )


def is_short(before: Room, now: Room, reserve_bytes: int) -> bool:
    """Whether the disk's reserve is being used up."""
    return now.free_bytes < reserve_bytes and before.free_bytes - now.free_bytes > _GROWN_BYTES


async def overflow(disk: DiskLimit, *, on_nearly: Callable[[int], None] = lambda used_bytes: None) -> str:
    """Returns when the session has to end, with the reason; `on_nearly` is told once when a tenth is left."""
    loop = asyncio.get_running_loop()
    limit = disk.limit_bytes + disk.spare_bytes
    first, was_told = None, False
    while True:
        before, walked_at = Room.of(disk.folders[0]), loop.time()
        used = await asyncio.to_thread(folder_bytes, *disk.folders, limit=limit)
        if used > limit:
            return (
                f"The game has written {_mib(used - disk.spare_bytes)}, and its player's folder may hold "
                f"{_mib(disk.limit_bytes)}"
            )
        first = used if first is None else first
        if before.free_bytes < disk.reserve_bytes and used > first + _GROWN_BYTES:
            return (
                f"The disk has {_mib(before.free_bytes)} left, of which {_mib(disk.reserve_bytes)} are kept in "
                f"reserve, and the game has written {_mib(used - first)} of it"
            )
        if used - disk.spare_bytes > _NEARLY * disk.limit_bytes and not was_told:
            on_nearly(used - disk.spare_bytes)
            was_told = True
        is_due = False
        while not is_due:
            await asyncio.sleep(LOOK_S)
            now = Room.of(disk.folders[0])
            is_due = worth_a_walk(before, now, limit - used, loop.time() - walked_at) or is_short(
                before, now, disk.reserve_bytes
            )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes >> 20} MiB"
