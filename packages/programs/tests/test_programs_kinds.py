"""What a file is told to be, for real programs of this machine, made-up headers of other systems, and any bytes."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_programs import Format, Program, identify
from dillinger_programs.elf import ReadAt
from dillinger_programs.kinds import identify_file


def over(content: bytes) -> ReadAt:
    return lambda offset, size: content[offset : offset + size] if offset >= 0 and size > 0 else b""


def pe(*, bits: int, machine: int, subsystem: int = 2, flags: int = 0x22, more: bytes = b"") -> bytes:
    """The headers of a Windows program, as Microsoft's "PE Format" lays them out."""
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", machine, 1, 0, 0, 0, 0xE0, flags)
    optional = struct.pack("<H", 0x20B if bits == 64 else 0x10B).ljust(68, b"\0") + struct.pack("<H", subsystem)
    return b"MZ".ljust(60, b"\0") + struct.pack("<I", 128) + b"\0" * 64 + coff + optional.ljust(160, b"\0") + more


CASES: dict[str, tuple[bytes, Program | None]] = {
    "64 bit window": (pe(bits=64, machine=0x8664), Program(Format.PE, 64, "x86_64")),
    "32 bit console": (pe(bits=32, machine=0x14C, subsystem=3), Program(Format.PE, 32, "i386", is_console=True)),
    "dll": (pe(bits=32, machine=0x14C, flags=0x2102), Program(Format.PE, 32, "i386", is_library=True)),
    "nsis": (
        pe(bits=32, machine=0x14C, more=b"\xef\xbe\xad\xdeNullsoftInst"),
        Program(Format.PE, 32, "i386", installer="nsis"),
    ),
    "inno": (
        pe(bits=32, machine=0x14C, more=b"..Inno Setup Setup Data (6.2.0)"),
        Program(Format.PE, 32, "i386", installer="inno"),
    ),
    "dos": (b"MZ".ljust(600, b"\1"), Program(Format.DOS, 16)),
    "windows 3": (b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"NE".ljust(200, b"\0"), Program(Format.NE, 16)),
    "script": (b"#!/bin/sh\nexec ./game\n", Program(Format.SCRIPT, interpreter="/bin/sh")),
    "env": (b"#!/usr/bin/env -S python3 -I\n", Program(Format.SCRIPT, interpreter="python3")),
    "makeself": (
        b"#!/bin/sh\n# This script was generated using Makeself 2.4.0\n",
        Program(Format.MAKESELF, installer="makeself", interpreter="/bin/sh"),
    ),
    "setup.msi": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0"), Program(Format.MSI, installer="msi")),
    "letter.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0"), None),
    "zip": (b"PK\x03\x04".ljust(100, b"\0"), Program(Format.ARCHIVE)),
    "text": (b"Read me first", None),
    "nothing": (b"", None),
    "half an elf": (b"\x7fELF\x02\x01\x01", None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_file_is(name: str) -> None:
    content, expected = CASES[name]
    assert identify(over(content), name=name) == expected


def test_programs_of_this_machine(tmp_path: Path) -> None:
    python = identify_file(Path(sys.executable).resolve())
    assert python is not None and (python.format, python.system) == (Format.ELF, "linux")
    assert python.interpreter is not None and python.interpreter.startswith("/lib")
    image = bytearray(Path(sys.executable).resolve().read_bytes())
    image[8:11] = b"AI\x02"
    (tmp_path / "game.AppImage").write_bytes(image)
    appimage = identify_file(tmp_path / "game.AppImage")
    assert appimage is not None and appimage.format is Format.APPIMAGE
    (tmp_path / "link").symlink_to(sys.executable)
    assert identify_file(tmp_path / "link") is None
    assert identify_file(tmp_path) is None


@given(st.binary(max_size=400), st.sampled_from(sorted(CASES)), st.integers(0, 500))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_bytes_are_something_or_nothing(noise: bytes, name: str, at: int) -> None:
    content, _ = CASES[name]
    identify(over(content[:at] + noise + content[at + len(noise) :]), name=name)
    identify(over(content[:4] + noise), name=name)
