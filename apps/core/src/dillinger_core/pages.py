"""The built pages in memory, as they are and packed: a first load waits for no disk, and those far away get less.

A file is read again when it changed. Leaves HTTP to `api/pages.py`. On the loop; files are read in threads.
"""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
from dataclasses import dataclass
from pathlib import Path

_MOST_KEPT_BYTES = 1 << 20
"""A page's parts are smaller; source maps, which only developers ask for, are larger."""
_WORTH_PACKING_BYTES = 1024
_PACKED_TYPES = ("text/", "image/svg", "application/json", "application/manifest+json", "application/wasm")
_TYPES = mimetypes.MimeTypes()
"""Python's own table: what a machine's `/etc/mime.types` says, or that it has none, is not to change what is served."""
_TYPES.add_type("text/javascript", ".js")
_TYPES.add_type("application/json", ".map")


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file."""

    media_type: str
    content: bytes
    packed: bytes | None
    """By gzip, where that is worth it."""
    version: tuple[int, int]


class Pages:
    """The files in one folder, and nothing from elsewhere."""

    def __init__(self, root: Path | None) -> None:
        self._root = None if root is None else root.resolve()
        self._kept: dict[Path, PageFile] = {}

    async def get(self, path: str) -> PageFile | None:
        """The file at `path`, slashes between; None where there is none."""
        file = self._inside(path)
        if file is None:
            return None
        try:
            stat = file.stat()
            version = (stat.st_mtime_ns, stat.st_size)
            kept = self._kept.get(file)
            if kept is not None and kept.version == version:
                return kept
            fresh = await asyncio.to_thread(_read, file, version)
        except OSError:
            self._kept.pop(file, None)
            return None
        if len(fresh.content) <= _MOST_KEPT_BYTES:
            self._kept[file] = fresh
        return fresh

    def _inside(self, path: str) -> Path | None:
        if self._root is None or not path or "\x00" in path:
            return None
        try:
            file = (self._root / path).resolve()
            return file if file.is_relative_to(self._root) and file.is_file() else None
        except (OSError, RuntimeError):  # a name too long, links in a circle
            return None


def _read(file: Path, version: tuple[int, int]) -> PageFile:
    media_type = _TYPES.guess_type(file.name)[0] or "application/octet-stream"
    content = file.read_bytes()
    is_packed = media_type.startswith(_PACKED_TYPES) and _WORTH_PACKING_BYTES <= len(content) <= _MOST_KEPT_BYTES
    return PageFile(media_type, content, gzip.compress(content, mtime=0) if is_packed else None, version)
