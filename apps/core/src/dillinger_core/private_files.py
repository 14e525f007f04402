"""Small files that only this user may read: keys, the first password. Written whole or not at all.

Blocking, and tiny: callers on the event loop use it at start only.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

KEY_BYTES = 32


def private_directory(path: Path) -> Path:
    """`path`, made with mode 0700 where it is missing."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` with mode 0600; a crash leaves the old file or the new one, never half of one."""
    private_directory(path.parent)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def ensure_key(path: Path) -> bytes:
    """The key in `path`, made at the first call. Raises ValueError when the file is damaged."""
    if not path.exists():
        write_private(path, secrets.token_bytes(KEY_BYTES))
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} holds {len(key)} bytes, a key has {KEY_BYTES}: remove it, and a new one is made")
    return key
