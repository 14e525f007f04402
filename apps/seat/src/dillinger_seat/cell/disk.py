"""How much a folder holds, and when that is too much.

There is no quota that an unprivileged process could set, so the folder is measured. The file system's free space is
looked at each second, which costs nothing; the folder itself is walked when that has shrunk enough to matter, and
rarely otherwise.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

LOOK_S = 1.0
LONGEST_S = 120.0
MAX_ENTRIES = 200_000


def folder_bytes(folder: Path, *, limit: int | None = None) -> int:
    """Bytes that the files below `folder` take up on disk; stops counting past `limit`. Links are not followed."""
    total = 0
    for size in _sizes(folder):
        total += size
        if limit is not None and total > limit:
            break
    return total


def _sizes(folder: Path) -> Iterator[int]:
    waiting = [str(folder)]
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


def worth_a_walk(lost_bytes: int, headroom_bytes: int, walked_s_ago: float) -> bool:
    """Whether the folder may have come near its limit since it was last measured.

    `lost_bytes` is what the whole file system has lost since, `headroom_bytes` what the folder had left then.
    """
    return lost_bytes > headroom_bytes // 4 or walked_s_ago >= LONGEST_S


async def overflow(folder: Path, limit: int) -> int:
    """Returns when `folder` holds more than `limit` bytes, with what it holds."""
    loop = asyncio.get_running_loop()
    while True:
        free, walked_at = _free_bytes(folder), loop.time()
        used = await asyncio.to_thread(folder_bytes, folder, limit=limit)
        if used > limit:
            return used
        is_worth_it = False
        while not is_worth_it:
            await asyncio.sleep(LOOK_S)
            is_worth_it = worth_a_walk(free - _free_bytes(folder), limit - used, loop.time() - walked_at)


def _free_bytes(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize
