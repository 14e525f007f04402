"""Small files that exist in memory only, to be handed to a child by descriptor."""

from __future__ import annotations

import io
import os


def memory_file(name: str, text: bytes) -> io.FileIO:
    """A memfd that holds `text`, at its start."""
    file = io.FileIO(os.memfd_create(name, os.MFD_CLOEXEC), "r+")
    file.write(text)
    file.seek(0)
    return file
