"""What kind of program a file is, told from its first bytes as the system that runs it tells it; never from its name.

The formats: PE (Microsoft's "PE Format"), its ancestors NE and the MZ of MS-DOS, ELF, scripts (`#!`), makeself's
self-extracting scripts, AppImage (type 1 and 2), Windows Installer packages and archives.
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .appimage import payload
from .elf import Elf, ReadAt, Unreadable, read_elf
from .squashfs import superblock

HEAD_BYTES = 64 * 1024
SCAN_BYTES = 1024 * 1024
"""How much of a PE file is searched for an installer's mark: its stub comes first, the packed files after it."""


class Format(StrEnum):
    """What a file is to the system that could run it."""

    PE = "pe"
    NE = "ne"
    DOS = "dos"
    ELF = "elf"
    APPIMAGE = "appimage"
    SCRIPT = "script"
    MAKESELF = "makeself"
    MSI = "msi"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Program:
    """A file that is a program, or that holds one."""

    format: Format
    bits: int | None = None
    machine: str | None = None
    is_library: bool = False
    """A DLL or shared object, which nobody starts."""
    is_console: bool = False
    """A Windows program without a window of its own."""
    installer: str | None = None
    """What made the installer that this is: `nsis`, `inno`, `installshield`, `wix`, `msi`, `makeself`, …"""
    compression: str | None = None
    """How an AppImage's files are packed: `gzip`, `zstd`, …; None where that can't be told."""
    interpreter: str | None = None
    """What a script, or an ELF program, is started by."""

    @property
    def system(self) -> str | None:
        """The system it was made for: `windows`, `linux`, `dos`; None where it is no program."""
        return _SYSTEMS.get(self.format)


_SYSTEMS = {
    Format.PE: "windows",
    Format.MSI: "windows",
    Format.NE: "windows",
    Format.DOS: "dos",
    Format.ELF: "linux",
    Format.APPIMAGE: "linux",
    Format.SCRIPT: "linux",
    Format.MAKESELF: "linux",
}
_PE_MACHINES = {0x14C: "i386", 0x8664: "x86_64", 0xAA64: "aarch64", 0x1C0: "arm", 0x1C4: "arm"}
_PE_DLL, _PE_CONSOLE = 0x2000, 3
_INSTALLERS = (
    (b"NullsoftInst", "nsis"),
    (b"Nullsoft.NSIS", "nsis"),
    (b"Inno Setup Setup Data", "inno"),
    (b"JR.Inno.Setup", "inno"),
    (b"InstallShield", "installshield"),
    (b".wixburn", "wix"),
    (b"SquirrelSetup", "squirrel"),
    (b"WiseMain", "wise"),
)
_ARCHIVES = (
    b"PK\x03\x04", b"PK\x05\x06", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd",
)  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def identify(read: ReadAt, *, name: str = "") -> Program | None:
    """What the file behind `read` is; None where it is nothing that could be run or unpacked.

    `name` decides only where bytes can't: a Windows Installer package has the bytes of an old Word document.
    """
    head = read(0, HEAD_BYTES)
    if head[:4] == b"\x7fELF":
        return _elf(read, head)
    if head[:2] == b"MZ":
        return _mz(read, head)
    if head[:2] == b"#!":
        return _script(head)
    if head[:8] == _OLE and name.lower().endswith(".msi"):
        return Program(Format.MSI, installer="msi")
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        return Program(Format.ARCHIVE)
    return None


def identify_file(path: Path) -> Program | None:
    """What the file at `path` is; None too where it is no plain file or can't be read. A link is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return identify_open(descriptor, name=path.name)
    finally:
        os.close(descriptor)


def identify_open(descriptor: int, *, name: str) -> Program | None:
    """The same for an open file; a folder or a device is nothing."""

    def read(offset: int, size: int) -> bytes:
        try:
            return os.pread(descriptor, size, offset) if 0 <= offset < 1 << 62 and size > 0 else b""
        except OSError:
            return b""

    return identify(read, name=name)


def _elf(read: ReadAt, head: bytes) -> Program | None:
    try:
        elf: Elf = read_elf(read)
    except Unreadable:
        return None
    is_image = head[8:10] == b"AI" and head[10:11] in (b"\x01", b"\x02")
    compression = None
    if is_image:
        with contextlib.suppress(Unreadable):
            compression = superblock(payload(read)).compressor
    return Program(
        Format.APPIMAGE if is_image else Format.ELF,
        bits=elf.bits,
        machine=elf.machine,
        is_library=not elf.is_program and not is_image,
        compression=compression,
        interpreter=elf.interpreter,
    )


def _mz(read: ReadAt, head: bytes) -> Program | None:
    if len(head) < 64:
        return Program(Format.DOS, bits=16) if len(head) > 28 else None
    start = struct.unpack_from("<I", head, 60)[0]
    more = read(start, 24 + 96)
    if more[:2] == b"NE":
        return Program(Format.NE, bits=16)
    if more[:4] != b"PE\0\0" or len(more) < 24 + 70:
        return Program(Format.DOS, bits=16)
    machine, _, _, _, _, _, flags = struct.unpack_from("<HHIIIHH", more, 4)
    magic = struct.unpack_from("<H", more, 24)[0]
    if magic not in (0x10B, 0x20B):
        return None
    return Program(
        Format.PE,
        bits=64 if magic == 0x20B else 32,
        machine=_PE_MACHINES.get(machine, f"machine {machine:#x}"),
        is_library=bool(flags & _PE_DLL),
        is_console=struct.unpack_from("<H", more, 24 + 68)[0] == _PE_CONSOLE,
        installer=_installer(read(0, SCAN_BYTES)),
    )


def _installer(content: bytes) -> str | None:
    for mark, maker in _INSTALLERS:
        if mark in content or mark.decode().encode("utf-16-le") in content:
            return maker
    return None


def _script(head: bytes) -> Program:
    line = head[2:].split(b"\n", 1)[0][:256].decode("utf-8", "replace").split()
    interpreter = line[0] if line else None
    if interpreter and interpreter.rpartition("/")[2] == "env" and len(line) > 1:
        interpreter = next((word for word in line[1:] if not word.startswith("-")), interpreter)
    beginning = head[:4096].lower()
    if b"makeself" in beginning or b"mojosetup" in beginning:
        return Program(Format.MAKESELF, installer="makeself", interpreter=interpreter)
    return Program(Format.SCRIPT, interpreter=interpreter)
