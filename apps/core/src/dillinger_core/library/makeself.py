"""Unpacks a makeself script into a folder without running anything of it.

Installers of GOG's kind (MojoSetup) carry the game as a zip behind the archive of their own program: of those the game
is unpacked. Blocking: run in a thread.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import re
import secrets
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Self, cast

from dillinger_contracts import Unsupported
from dillinger_programs import Format
from dillinger_programs.elf import Unreadable
from dillinger_programs.kinds import identify_file
from dillinger_programs.makeself import HEAD_BYTES, Makeself, read_makeself

from .copying import Progress
from .entries import STAGING_PREFIX
from .survey import survey
from .unpacking import Unpacked

_CHUNK_BYTES = 1 << 20
_GAME_IN_ZIP = "data/noarch/"
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
_MAX_HEADER_BYTES = 1 << 20
_HEADERS = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip


def unpack(file: Path, target: Path, progress: Progress) -> Makeself:
    """Unpacks `file` into the new folder `target`; of a game in a zip no script is told.

    Raises `Unsupported` where it can't be, `Exhausted`, `Cancelled`; what was unpacked until then is gone.
    """
    try:
        with file.open("rb") as opened:
            found = read_makeself(opened.read(HEAD_BYTES))
            unpacked = Unpacked(target, progress)
            if _unpack_zip(opened, found, unpacked):
                return replace(found, script=None)
            for start, size in found.archives:
                _unpack_tar(_Part(opened, start, size), unpacked)
    except Unreadable as error:
        shutil.rmtree(target, ignore_errors=True)
        raise Unsupported(
            f"{file.name} can't be unpacked: {error}",
            hint=f"Unpack it with `sh {file.name} --noexec --target FOLDER` where you trust it, then add that folder",
        ) from error
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return found


@contextlib.contextmanager
def folder_of_game(path: Path, library: Path) -> Iterator[tuple[Path, str | None]]:
    """The folder (or file) to add for `path`, and the program that it names: of a makeself script that holds a game,
    and no installer of its own, what is in it.

    That is gone again when the block is left. Raises what `unpack` does.
    """
    program = identify_file(path)
    if program is None or program.format is not Format.MAKESELF:
        yield path, None
        return
    staging = library / f"{STAGING_PREFIX}{secrets.token_hex(6)}"
    try:
        found = unpack(path, staging / "unpacked", Progress(0))
        folder = staging / _name(found.label or path.name)
        (staging / "unpacked").rename(folder)
        start = start_of(found, folder)
        yield (folder, start) if start or found.script is None else (path, None)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def start_of(found: Makeself, folder: Path) -> str | None:
    """The program that the script would start, if it is one of the game's and no installer."""
    words = (found.script or "").split()
    path = words[0].removeprefix("./") if words else ""
    ranked = survey(folder.parent, folder.name).candidates
    return next((one.path for one in ranked if one.path == path and one.kind and one.doubt is None), None)


def _name(text: str) -> str:
    """`text` as the name of a folder."""
    return re.sub(r"[/\0]+|^\.+", " ", text).strip()[:100] or "Game"


class _Part(io.RawIOBase):
    """A part of an open file, as a file."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._at, self._end = file, start, start + size

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fills `buffer` with what comes next."""
        room = memoryview(cast("bytearray", buffer))
        data = os.pread(self._file.fileno(), max(0, min(len(room), self._end - self._at)), self._at)
        room[: len(data)] = data
        self._at += len(data)
        return len(data)


class _Member(tarfile.TarInfo):
    """A member whose own headers are no longer than names are: tarfile would take them whole into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """A member from its block; raises `Unreadable`."""
        found = super().frombuf(buf, encoding, errors)
        if found.type in _HEADERS and found.size > _MAX_HEADER_BYTES:
            raise Unreadable("its archive has names that are too long")
        return found


def _unpack_tar(part: _Part, unpacked: Unpacked) -> None:
    with io.BufferedReader(part, _CHUNK_BYTES) as stream:
        _check_kind(stream.peek(512)[:512])
        try:
            archive = tarfile.open(fileobj=stream, mode="r|*", tarinfo=_Member)  # noqa: SIM115 - closed below
        except _BROKEN as error:
            raise Unreadable(f"its archive is broken: {error}") from error
        with archive:
            for member in _members(archive):
                _put(archive, member, unpacked)


def _check_kind(head: bytes) -> None:
    if not (head.startswith((b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh")) or head[257:262] == b"ustar"):
        raise Unreadable("its archive is packed in a way that nothing here unpacks")


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    try:
        yield from archive
    except _BROKEN as error:
        raise Unreadable(f"its archive is broken: {error}") from error


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, unpacked: Unpacked) -> None:
    path = str(PurePosixPath(member.name))
    if path == ".":
        return
    if member.isdir():
        unpacked.folder(path)
    elif member.issym():
        unpacked.link(path, member.linkname)
    elif member.isreg():
        content = archive.extractfile(member)
        assert content is not None, "of a file"
        unpacked.file(path, _chunks(content), is_executable=bool(member.mode & 0o111))


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while True:
        try:
            chunk = content.read(_CHUNK_BYTES)
        except _BROKEN as error:
            raise Unreadable(f"its archive is broken: {error}") from error
        if not chunk:
            return
        yield chunk


def _unpack_zip(file: IO[bytes], found: Makeself, unpacked: Unpacked) -> bool:
    """Unpacks the game of a zip that follows the archives; whether there is one."""
    if os.fstat(file.fileno()).st_size <= found.end:
        return False
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN:
        return False
    with archive:
        members = [one for one in archive.infolist() if one.filename.startswith(_GAME_IN_ZIP)]
        for member in members:
            path, mode = member.filename.removeprefix(_GAME_IN_ZIP), member.external_attr >> 16
            if not path:
                continue
            if member.is_dir():
                unpacked.folder(path)
                continue
            try:
                with archive.open(member) as content:
                    if mode & 0o170000 == 0o120000:
                        unpacked.link(path, content.read(4096).decode())
                    else:
                        unpacked.file(path, _chunks(content), is_executable=bool(mode & 0o111))
            except (*_BROKEN, RuntimeError, NotImplementedError) as error:
                raise Unreadable(f"its archive is broken: {error}") from error
    return bool(members)
