"""Reads a squashfs 4.0 image: what is in it, folder by folder, and the content of its files. Pure over `read`.

Squashfs is what AppImages carry. Neither the kernel nor squashfs-tools reads it here: both are C on a hostile file.
Whatever the bytes say, a reader returns or raises `Unreadable`, and what is unpacked at once is bounded by the format's
own limits: metadata of 8 KiB, data of one block. Format: Documentation/filesystems/squashfs.rst of the Linux kernel.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .elf import ReadAt, Unreadable

MAGIC = b"hsqs"
MAX_DEPTH = 40
MAX_ENTRIES = 300_000
MAX_BLOCK_BYTES = 1 << 20
MAX_LINK_BYTES = 4096
_METADATA_BYTES = 8192
_CACHED_BLOCKS = 64
_LZMA_MEMORY_BYTES = 256 << 20
_NO_FRAGMENT = 0xFFFF_FFFF
_PLAIN = 1 << 24
"""Set in a data block's size where the block is not compressed."""
_FOLDER, _FILE, _LINK, _WIDE = 1, 2, 3, 7
"""Types of inodes; the extended one of each is `_WIDE` more."""
_SUPERBLOCK = struct.Struct("<4s4I6H8Q")

Decompress = Callable[[bytes, int], bytes]
"""`decompress(data, size)`: at most `size` bytes; raises `Unreadable` for what is broken."""
Kind = Literal["folder", "file", "link"]
COMPRESSORS = {1: "gzip", 2: "lzma", 3: "lzo", 4: "xz", 5: "lz4", 6: "zstd"}


def _gunzip(data: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise Unreadable(f"a block is no zlib stream: {error}") from error


def _unxz(data: bytes, size: int) -> bytes:
    try:
        return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY_BYTES).decompress(data, size)
    except (lzma.LZMAError, EOFError) as error:
        raise Unreadable(f"a block is no xz stream: {error}") from error


BUILT_IN: Mapping[str, Decompress] = {"gzip": _gunzip, "lzma": _unxz, "xz": _unxz}


@dataclass(frozen=True, slots=True)
class Superblock:
    """Where everything is, from the image's start."""

    compressor: str
    block_bytes: int
    root: int
    inodes: int
    folders: int
    fragments: int
    fragment_count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in the image. Devices, pipes and sockets are left out."""

    path: str
    """From the image's root, with slashes; no part of it is empty, `.` or `..`."""
    kind: Kind
    is_executable: bool = False
    size_bytes: int = 0
    target: str = ""
    """Of a link, as it stands there: it may lead anywhere."""
    _blocks: tuple[int, tuple[int, ...], int, int] = field(default=(0, (), 0, 0), repr=False)
    """Where the blocks start, their sizes, which fragment, where in it."""


def superblock(read: ReadAt) -> Superblock:
    """The head of the image behind `read`; raises `Unreadable`."""
    head = read(0, _SUPERBLOCK.size)
    if len(head) < _SUPERBLOCK.size or head[:4] != MAGIC:
        raise Unreadable("it is no squashfs")
    fields = _SUPERBLOCK.unpack(head)
    block_bytes, fragment_count, compressor, major = fields[3], fields[4], fields[5], fields[9]
    root, _, _, _, inodes, folders, fragments, _ = fields[11:]
    if major != 4 or not 4096 <= block_bytes <= MAX_BLOCK_BYTES:
        raise Unreadable(f"it is no squashfs 4, but {major}, with blocks of {block_bytes} bytes")
    name = COMPRESSORS.get(compressor, f"compressor {compressor}")
    return Superblock(name, block_bytes, root, inodes, folders, fragments, fragment_count)


class Squashfs:
    """An image. Raises `Unreadable` where it is none, or where nothing here unpacks its compression."""

    def __init__(self, read: ReadAt, decompressors: Mapping[str, Decompress] = BUILT_IN) -> None:
        self._read = read
        self.head = superblock(read)
        if self.head.compressor not in decompressors:
            raise Unreadable(f"it is packed with {self.head.compressor}, which nothing here unpacks")
        self._decompress = decompressors[self.head.compressor]
        self._last_fragment: tuple[int, bytes] | None = None
        self._cache: OrderedDict[int, tuple[bytes, int]] = OrderedDict()

    def entries(self) -> Iterator[Entry]:
        """Everything in the image, folders before what is in them; raises `Unreadable`."""
        count = 0
        waiting = [("", self.head.root, 0)]
        while waiting:
            path, inode, depth = waiting.pop()
            if depth > MAX_DEPTH:
                raise Unreadable(f"folders are nested deeper than {MAX_DEPTH}")
            for name, child, kind in self._listing(inode):
                count += 1
                if count > MAX_ENTRIES:
                    raise Unreadable(f"there are more than {MAX_ENTRIES} files")
                place = f"{path}/{name}" if path else name
                if kind == _FOLDER:
                    waiting.append((place, child, depth + 1))
                    yield Entry(place, "folder")
                elif kind == _FILE:
                    yield self._file(place, child)
                elif kind == _LINK:
                    yield self._link(place, child)

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """The content of a file, in pieces of one block at most; raises `Unreadable`."""
        start, sizes, fragment, offset = entry._blocks
        left = entry.size_bytes
        for size in sizes:
            wanted = min(left, self.head.block_bytes)
            stored = size & ~_PLAIN
            content = bytes(wanted) if stored == 0 else self._data(start, size)
            if len(content) != wanted:
                raise Unreadable(f"{entry.path} is cut off")
            yield content
            start, left = start + stored, left - wanted
        if fragment != _NO_FRAGMENT and left:
            content = self._fragment(fragment)[offset : offset + left]
            if len(content) != left:
                raise Unreadable(f"{entry.path} is cut off")
            yield content

    def _data(self, start: int, size: int) -> bytes:
        stored = size & ~_PLAIN
        if stored > self.head.block_bytes:
            raise Unreadable("a block is bigger than blocks are")
        data = self._read(start, stored)
        return data if size & _PLAIN else self._decompress(data, self.head.block_bytes)

    def _fragment(self, number: int) -> bytes:
        if number >= self.head.fragment_count:
            raise Unreadable("there is no such fragment")
        if self._last_fragment is not None and self._last_fragment[0] == number:  # small files share one
            return self._last_fragment[1]
        (place,) = struct.unpack("<Q", _whole(self._read(self.head.fragments + 8 * (number // 512), 8), 8))
        start, size = struct.unpack("<QI", self._metadata(place, 16 * (number % 512), 12))
        self._last_fragment = number, self._data(start, size)
        return self._last_fragment[1]

    def _file(self, path: str, inode: int) -> Entry:
        place, offset, kind, mode = self._inode(inode)
        if kind == _FILE:
            start, fragment, at, size_bytes = struct.unpack("<4I", self._metadata(place, offset + 16, 16))
            sizes_at = offset + 32
        else:
            start, size_bytes, _, _, fragment, at, _ = struct.unpack("<3Q4I", self._metadata(place, offset + 16, 40))
            sizes_at = offset + 56
        count, rest = divmod(size_bytes, self.head.block_bytes)
        count += 1 if rest and fragment == _NO_FRAGMENT else 0
        sizes = struct.unpack(f"<{count}I", self._metadata(place, sizes_at, 4 * count)) if count else ()
        return Entry(path, "file", bool(mode & 0o111), size_bytes, "", (start, sizes, fragment, at))

    def _link(self, path: str, inode: int) -> Entry:
        place, offset, _, _ = self._inode(inode)
        (size,) = struct.unpack("<I", self._metadata(place, offset + 20, 4))
        if size > MAX_LINK_BYTES:
            raise Unreadable(f"{path} is a link that leads too far")
        return Entry(path, "link", target=_text(self._metadata(place, offset + 24, size)))

    def _inode(self, reference: int) -> tuple[int, int, int, int]:
        """Where it is (metadata block, offset), its type and its mode."""
        place, offset = self.head.inodes + (reference >> 16), reference & 0xFFFF
        kind, mode = struct.unpack("<HH", self._metadata(place, offset, 4))
        return place, offset, kind, mode

    def _listing(self, inode: int) -> Iterator[tuple[str, int, int]]:
        """Name, inode and basic type of everything in a folder."""
        place, offset, kind, _ = self._inode(inode)
        if kind == _FOLDER:
            start, _, size, at, _ = struct.unpack("<IIHHI", self._metadata(place, offset + 16, 16))
        elif kind == _FOLDER + _WIDE:
            _, size, start, _, _, at = struct.unpack("<4IHH", self._metadata(place, offset + 16, 20))
        else:
            raise Unreadable("a folder is none")
        place, end = self.head.folders + start, at + size - 3
        while at + 12 <= end:
            count, block, _ = struct.unpack("<3I", self._metadata(place, at, 12))
            at += 12
            if count >= 256:
                raise Unreadable("a folder has too many names at once")
            for _ in range(count + 1):
                inner, _, basic, length = struct.unpack("<HhHH", self._metadata(place, at, 8))
                name = _text(self._metadata(place, at + 8, length + 1))
                if not name or name in (".", "..") or "/" in name or "\0" in name or length >= 256:
                    raise Unreadable(f"{name!r} is no name")
                at += 9 + length
                yield name, (block << 16) | inner, basic

    def _metadata(self, start: int, offset: int, size: int) -> bytes:
        """`size` bytes of metadata from `offset` on behind the block at `start`; blocks follow each other."""
        if size > 4 * MAX_ENTRIES:
            raise Unreadable("a file has too many blocks")
        found = bytearray()
        while True:
            content, following = self._block(start)
            found += content[offset : offset + size - len(found)]
            if len(found) == size:
                return bytes(found)
            if len(content) < _METADATA_BYTES:
                raise Unreadable("its metadata are cut off")
            start, offset = following, max(0, offset - len(content))

    def _block(self, start: int) -> tuple[bytes, int]:
        """The metadata block at `start`, unpacked, and where the next one is."""
        known = self._cache.get(start)
        if known is not None:
            self._cache.move_to_end(start)
            return known
        (head,) = struct.unpack("<H", _whole(self._read(start, 2), 2))
        stored = head & 0x7FFF
        if not 0 < stored <= _METADATA_BYTES:
            raise Unreadable("a metadata block has no size that can be")
        data = _whole(self._read(start + 2, stored), stored)
        content = data if head & 0x8000 else self._decompress(data, _METADATA_BYTES)
        self._cache[start] = content, start + 2 + stored
        if len(self._cache) > _CACHED_BLOCKS:
            self._cache.popitem(last=False)
        return self._cache[start]


def _whole(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise Unreadable("it is cut off")
    return data


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
