"""Reading a small file that may be anything: a name of somebody's choice never blocks and never fills the memory."""

from __future__ import annotations

import os
import stat
from errno import EFBIG, EINVAL
from pathlib import Path


def read_small_file(path: Path, *, most_bytes: int) -> tuple[bytes, os.stat_result]:
    """What it holds and what it is; raises OSError, also for what is no regular file (EINVAL) or too large (EFBIG)."""
    # Not blocking: a FIFO's name would hold whoever opens it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(EINVAL, "It is no regular file", str(path))
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(EFBIG, f"It has more than {most_bytes} bytes", str(path))
    return data, found
