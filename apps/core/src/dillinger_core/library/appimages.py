"""Unpacks a game's AppImage once, when it is added: a cell has no FUSE, and would else unpack it at each start.

What its files are is read by `dillinger_programs.squashfs`; the runtime in it is not run. A file that can't be unpacked
here (type 1, a rare compression) stays as it is, and its own runtime unpacks it in the cell. Blocking: run in a
thread.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import structlog

from dillinger_programs.appimage import payload
from dillinger_programs.elf import ReadAt, Unreadable
from dillinger_programs.squashfs import BUILT_IN, Decompress, Squashfs

from .copying import Progress
from .unpacking import Unpacked

START = "AppRun"
"""What the file would start, in its root."""

log = structlog.get_logger()


@cache
def decompressors() -> Mapping[str, Decompress]:
    """What can be unpacked here: the standard library's, and zstd's where the system has its library."""
    zstd = _zstd()
    return {**BUILT_IN, "zstd": zstd} if zstd else BUILT_IN


def _zstd() -> Decompress | None:
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        return None
    library.ZSTD_decompress.restype = library.ZSTD_isError.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    library.ZSTD_isError.argtypes = (ctypes.c_size_t,)

    def decompress(data: bytes, size: int) -> bytes:
        room = ctypes.create_string_buffer(size)
        found = library.ZSTD_decompress(room, size, data, len(data))
        if library.ZSTD_isError(found):
            raise Unreadable("a block is no zstd frame")
        return room.raw[:found]

    return decompress


def unpack(file: Path, target: Path, progress: Progress) -> bool:
    """Unpacks the AppImage `file` into the new folder `target`; whether it could be.

    Raises `Exhausted` when the disk has no room, and `Cancelled`; then nothing is left.
    """
    try:
        with file.open("rb") as opened:
            _unpack(Squashfs(payload(_reader(opened.fileno())), decompressors()), target, progress)
    except Unreadable as error:
        shutil.rmtree(target, ignore_errors=True)
        log.info("appimage_not_unpacked", file=file.name, reason=str(error))
        return False
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return True


def _reader(descriptor: int) -> ReadAt:
    def read(offset: int, size: int) -> bytes:
        return os.pread(descriptor, size, offset) if 0 <= offset < 1 << 62 and size > 0 else b""

    return read


def _unpack(image: Squashfs, target: Path, progress: Progress) -> None:
    unpacked = Unpacked(target, progress)
    for entry in image.entries():
        match entry.kind:
            case "folder":
                unpacked.folder(entry.path)
            case "link":
                unpacked.link(entry.path, entry.target)
            case "file":
                unpacked.file(entry.path, image.chunks(entry), is_executable=entry.is_executable)
    if not os.path.lexists(target / START):
        raise Unreadable(f"it has no {START}")
