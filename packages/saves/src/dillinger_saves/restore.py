"""Takes a player's folders of a game from an archive. The archive is anybody's: nothing in it is believed. Blocking.

It is unpacked beside what is there, below folders that are opened one by one without following a link, and put in its
place whole, by renaming, or not at all. Links are kept as words, as a game could have written them, and followed by
nobody. Names that lead elsewhere, devices, what is there twice, and more than the player may hold are refused.
"""

from __future__ import annotations

import calendar
import contextlib
import errno
import io
import json
import os
import secrets
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from dillinger_contracts import Exhausted, Invalid

from .archive import CHANGES, FORMAT, HOME, MANIFEST, OPAQUE, OPAQUE_ATTRIBUTE, Progress
from .hostile import FOLDER, INCOMING, MAX_DEPTH, discard, empty_trash, opened
from .layout import PREFIXES, GameSaves
from .measure import MAX_ENTRIES

_MOST_AT_ONCE_BYTES = 64 << 20
"""The archive's list of contents is read in one piece."""
_CHUNK_BYTES = 1 << 20
_MAX_LINK_BYTES = 4095
_MAX_NAME_BYTES = 255
_ENTRY_BYTES = 512
"""What an entry counts for at least, as where a folder is measured."""
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def restore(saves: GameSaves, game_id: str, source: IO[bytes], progress: Progress, *, limit_bytes: int) -> None:
    """Puts what is in `source` in the place of what is there.

    Raises `Invalid` for what is no archive of this game's saves, `Exhausted` where it holds more than `limit_bytes`,
    `Cancelled`.
    """
    room = saves.side / f"{INCOMING}{secrets.token_hex(6)}"
    room.mkdir(mode=0o700)
    try:
        unpack(room, game_id, source, progress, limit_bytes=limit_bytes)
        _swap(saves, room)
    finally:
        empty_trash(saves.side)


def unpack(room: Path, game_id: str, source: IO[bytes], progress: Progress, *, limit_bytes: int) -> None:
    """Unpacks `source` into the empty folder `room`, as `home` and `changes`; raises what `restore` does. What was
    unpacked until then is the caller's to remove."""
    for name in (HOME, CHANGES):
        (room / name).mkdir(mode=0o700)
    try:
        with zipfile.ZipFile(_Bitten(source)) as archive:
            entries = _checked(archive, game_id, limit_bytes)
            progress.total_bytes = sum(entry.file_size for entry in entries)
            with opened(room) as start:
                for entry in entries:
                    _unpack(archive, entry, start, progress)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, RuntimeError) as error:
        raise Invalid(f"This is no whole archive of saves: {error}", field="archive") from error
    except OSError as error:
        raise _told(error) from error


class _Bitten(io.RawIOBase):
    """A file that nobody reads much of at once."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def read(self, size: int = -1, /) -> bytes:
        wanted = size if size >= 0 else _MOST_AT_ONCE_BYTES + 1
        if size > _MOST_AT_ONCE_BYTES:
            raise zipfile.BadZipFile("its list of contents is too long")
        chunk = self._source.read(wanted)
        if size < 0 and len(chunk) > _MOST_AT_ONCE_BYTES:
            raise zipfile.BadZipFile("its list of contents is too long")
        return chunk


def _checked(archive: zipfile.ZipFile, game_id: str, limit_bytes: int) -> list[zipfile.ZipInfo]:
    """What is to be unpacked; raises `Invalid` or `Exhausted`."""
    listed = archive.infolist()
    if len(listed) > MAX_ENTRIES:
        raise Exhausted(f"The archive has more than {MAX_ENTRIES} files")
    manifest = next((entry for entry in listed if entry.filename == MANIFEST), None)
    if manifest is None or manifest.file_size > 65_536:
        raise Invalid(f"This is no archive of saves: it has no {MANIFEST}", field="archive")
    try:
        said = json.loads(archive.read(manifest))
        made_format, made_for = said["format"], said["game_id"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid(f"This is no archive of saves: its {MANIFEST} can't be read", field="archive") from error
    if made_format != FORMAT:
        raise Invalid(f"This archive is of format {made_format!r:.20}, and {FORMAT} is understood", field="archive")
    if made_for != game_id:
        raise Invalid(f"These are saves of another game: {str(made_for)[:80]!r}", field="archive")
    entries = [entry for entry in listed if entry.filename != MANIFEST]
    total = sum(max(entry.file_size, _ENTRY_BYTES) for entry in entries)
    if total > limit_bytes:
        raise Exhausted(
            f"The archive holds {total >> 20} MiB, and a player of this game may have {limit_bytes >> 20} MiB",
            hint="Raise the game's limit of saves first",
        )
    for entry in entries:
        _parts(entry)
    return entries


def _parts(entry: zipfile.ZipInfo) -> list[str]:
    """The names on the way to it; raises `Invalid` where one leads elsewhere."""
    parts = entry.filename.removesuffix("/").split("/")
    is_bad = (
        parts[0] not in (HOME, CHANGES)
        or len(parts) > MAX_DEPTH
        or any(part in ("", ".", "..") or "\0" in part for part in parts)
        or any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in parts)
    )
    if is_bad:
        raise Invalid(f"The archive has a name that leads elsewhere: {entry.filename[:80]!r}", field="archive")
    return parts


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, start: int, progress: Progress) -> None:
    *above, name = _parts(entry)
    mode = entry.external_attr >> 16
    kind = stat.S_IFDIR if entry.is_dir() else (stat.S_IFMT(mode) or stat.S_IFREG)
    if not above and kind == stat.S_IFDIR:
        return
    with _made(start, above) as folder:
        if kind == stat.S_IFDIR:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
            if entry.comment == OPAQUE and _is_layer(above):
                _make_opaque(name, folder)
        elif kind == stat.S_IFLNK:
            target = archive.read(entry) if entry.file_size <= _MAX_LINK_BYTES else b""
            if not target or b"\0" in target:
                raise Invalid(f"The archive has a link that is none: {entry.filename[:80]!r}", field="archive")
            os.symlink(target, os.fsencode(name), dir_fd=folder)
            progress.add(len(target))
        elif kind == stat.S_IFCHR and entry.file_size == 0 and _is_layer(above):
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=folder)
        elif kind == stat.S_IFREG:
            _unpack_file(archive, entry, name, folder, progress)
        else:
            raise Invalid(f"The archive has a device or a socket: {entry.filename[:80]!r}", field="archive")


def _is_layer(above: list[str]) -> bool:
    """Whether this is where an overlay's upper layer is: only there its marks mean anything."""
    return above[0] == CHANGES or "/".join(above[1:]).startswith(f"{PREFIXES}/")


@contextlib.contextmanager
def _made(start: int, names: list[str]) -> Iterator[int]:
    at = os.dup(start)
    try:
        for name in names:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=at)
            below = os.open(name, FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _make_opaque(name: str, folder: int) -> None:
    descriptor = os.open(name, FOLDER, dir_fd=folder)
    try:
        os.setxattr(descriptor, OPAQUE_ATTRIBUTE, b"y")
    finally:
        os.close(descriptor)


def _unpack_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, folder: int, progress: Progress) -> None:
    descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as target, archive.open(entry) as source:
        while chunk := source.read(_CHUNK_BYTES):
            target.write(chunk)
            progress.add(len(chunk))
        target.flush()
        os.fchmod(descriptor, 0o700 if (entry.external_attr >> 16) & 0o111 else 0o600)
        with contextlib.suppress(ValueError, OverflowError):
            made_s = calendar.timegm((*entry.date_time, 0, 0, 0))
            os.utime(descriptor, (made_s, made_s))


def _told(error: OSError) -> Invalid | Exhausted:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Exhausted("The disk has no room for what is in the archive", hint="Make room on it")
    return Invalid(f"The archive can't be unpacked: {error.strerror}: {error.filename}", field="archive")


def _swap(saves: GameSaves, room: Path) -> None:
    """Old out, new in. Cut off in between, the old is in the trash and the new in `room`, both still whole."""
    with opened(saves.side) as side, opened(saves.home.parent) as above, opened(room) as new:
        discard(saves.side, side, saves.changes.name, saves.work.name, saves.copy.name, saves.copy_list.name)
        discard(saves.side, above, saves.home.name)
        os.rename(HOME, saves.home.name, src_dir_fd=new, dst_dir_fd=above)
        os.rename(CHANGES, saves.changes.name, src_dir_fd=new, dst_dir_fd=side)
    saves.make()
