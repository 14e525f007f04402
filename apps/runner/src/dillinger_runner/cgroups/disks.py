"""Which disk a folder is on, as cgroups and container engines want it named: the whole disk, since no part of one can
be bounded (blk-throttle, Linux). A look into sysfs, which is the machine's inside containers too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_BLOCK_DEVICES = Path("/sys/dev/block")


@dataclass(frozen=True, slots=True)
class DiskRate:
    """How much may be read from a disk in a second, and as much written to it."""

    number: str
    """`MAJOR:MINOR`."""
    node: str
    bytes_per_s: int


def disk_rate(folder: Path, bytes_per_s: int, *, block_devices: Path = _BLOCK_DEVICES) -> DiskRate | None:
    """For the disk of `folder`, or of the nearest above it that is there; None for no bound, and where no one disk is
    behind it (a network's, memory, btrfs)."""
    if not bytes_per_s:
        return None
    there = next(path for path in (folder, *folder.parents) if path.exists())
    device = there.stat().st_dev
    entry = (block_devices / f"{os.major(device)}:{os.minor(device)}").resolve()
    if (entry / "partition").exists():
        entry = entry.parent
    try:
        number = (entry / "dev").read_text("ascii").strip()
    except OSError:
        return None
    return DiskRate(number, f"/dev/{entry.name.replace('!', '/')}", bytes_per_s)
