"""Writes a player's folders of a game into one archive, as a stream. Blocking.

A zip file, which every system opens: `home/` and `changes/` with links, rights and times as Info-ZIP notes them. What
an overlay's layer knows beside is kept too: a file that was removed is a device 0/0, as in the layer itself, and a
folder that hides the one below it has the comment `opaque`. What no archive can hold (sockets, names that are no text)
is left out and counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from dillinger_contracts import NotFound

from .copying import changed_in_copy
from .hostile import Item, items, opened
from .layout import GameSaves

FORMAT = 1
MANIFEST = "dillinger-saves.json"
HOME, CHANGES = "home", "changes"
OPAQUE = b"opaque"
OPAQUE_ATTRIBUTE = "user.overlay.opaque"
OVERLAY_WORK = ".dillinger/prefixes/.work"
_CHUNK_BYTES = 1 << 20
_LEVEL = 1
"""Saves are small, and games' data are packed already: the disk is what takes time."""


class Cancelled(Exception):  # noqa: N818 - what happened, by wish
    """Nobody wants it any more."""


@dataclass(slots=True)
class Progress:
    """How far it is; written by its thread, read by any."""

    total_bytes: int = 0
    done_bytes: int = 0
    left_out: int = 0
    is_cancelled: bool = False

    def add(self, count: int) -> None:
        """Some bytes more; raises `Cancelled`."""
        self.done_bytes += count
        if self.is_cancelled:
            raise Cancelled


def write_archive(saves: GameSaves, game_id: str, out: IO[bytes], progress: Progress) -> None:
    """Writes all of it to `out`, which need not be seekable; raises `Cancelled`, or OSError from `out`."""
    manifest = {"format": FORMAT, "game_id": game_id, "made_at": datetime.now(UTC).isoformat()}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        archive.writestr(MANIFEST, json.dumps(manifest))
        in_copy = changed_in_copy(saves)
        for root, name, wanted in (
            (saves.home, HOME, None),
            (saves.changes, CHANGES, None),
            (saves.copy, CHANGES, in_copy),
        ):
            with contextlib.suppress(NotFound), opened(root) as start:
                for item in items(start):
                    if _is_ours(name, item.path) or (wanted is not None and item.path not in wanted):
                        continue
                    if not _is_put(archive, f"{name}/{item.path}", item, progress):
                        progress.left_out += 1


def _is_ours(root: str, path: str) -> bool:
    """What the kernel keeps beside a layer, and nobody else needs."""
    return root == HOME and (path == OVERLAY_WORK or path.startswith(f"{OVERLAY_WORK}/"))


def is_whiteout(status: os.stat_result) -> bool:
    """Whether it is an overlay's mark of something that was removed."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_put(archive: zipfile.ZipFile, path: str, item: Item, progress: Progress) -> bool:
    mode = item.status.st_mode
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    info = zipfile.ZipInfo(path + ("/" if stat.S_ISDIR(mode) else ""), _time(item.status.st_mtime))
    info.external_attr = mode << 16
    info.create_system = 3
    info.compress_type = zipfile.ZIP_DEFLATED
    if stat.S_ISDIR(mode):
        info.compress_type = zipfile.ZIP_STORED
        info.comment = OPAQUE if _is_opaque(item) else b""
        archive.writestr(info, b"")
    elif stat.S_ISLNK(mode):
        archive.writestr(info, os.fsencode(os.readlink(item.name, dir_fd=item.folder_fd)))
    elif is_whiteout(item.status):
        archive.writestr(info, b"")
    elif stat.S_ISREG(mode):
        return _is_file_put(archive, info, item, progress)
    else:
        return False
    return True


def _is_file_put(archive: zipfile.ZipFile, info: zipfile.ZipInfo, item: Item, progress: Progress) -> bool:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(item.name, flags, dir_fd=item.folder_fd)
        except PermissionError:
            os.chmod(item.name, 0o600, dir_fd=item.folder_fd)
            descriptor = os.open(item.name, flags, dir_fd=item.folder_fd)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as source, archive.open(info, "w", force_zip64=True) as entry:
        while chunk := source.read(_CHUNK_BYTES):
            entry.write(chunk)
            progress.add(len(chunk))
    return True


def _is_opaque(item: Item) -> bool:
    try:
        descriptor = os.open(item.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=item.folder_fd)
    except OSError:
        return False
    try:
        return os.getxattr(descriptor, OPAQUE_ATTRIBUTE) == b"y"
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _time(seconds: float) -> tuple[int, int, int, int, int, int]:
    year, month, day, hour, minute, second = time.gmtime(min(max(seconds, 315532800), 4354819198))[:6]
    return year, month, day, hour, minute, second
