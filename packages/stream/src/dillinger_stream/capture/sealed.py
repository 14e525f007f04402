"""Memory that a display server draws into and can neither shrink nor grow: a memfd that we make and seal.

A hostile server could truncate memory of its own under our feet (a SIGBUS). It can scribble into ours at any time:
what is read from it are pixels and nothing else.
"""

from __future__ import annotations

import fcntl
import mmap
import os

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def sealed_memory(size_bytes: int) -> tuple[int, mmap.mmap]:
    """A descriptor to hand over, which the caller closes, and the same memory mapped here."""
    descriptor = os.memfd_create("dillinger-frame", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size_bytes)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        return descriptor, mmap.mmap(descriptor, size_bytes)
    except BaseException:
        os.close(descriptor)
        raise
