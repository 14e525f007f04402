"""Builds the Windows program, for 64 and 32 bit, by mingw-w64: `gcc-mingw-w64-x86-64-win32` and `…-i686-win32`."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Literal

from dillinger_contracts.errors import Unavailable

Bits = Literal[64, 32]
PACKAGES: dict[Bits, str] = {64: "gcc-mingw-w64-x86-64-win32", 32: "gcc-mingw-w64-i686-win32"}
_COMPILERS: dict[Bits, str] = {64: "x86_64-w64-mingw32-gcc", 32: "i686-w64-mingw32-gcc"}
_SOURCES = ("windows.c", "drawing.c")
_LIBRARIES = ("-lgdi32", "-lopengl32", "-ld3d9")


def build(program: Path, bits: Bits = 64) -> Path:
    """Makes `program`; raises `Unavailable` without a compiler for it."""
    compiler = shutil.which(_COMPILERS[bits])
    if compiler is None:
        raise Unavailable(f"There is no {_COMPILERS[bits]} here", hint=f"Install the package {PACKAGES[bits]}")
    with resources.as_file(resources.files(__package__)) as folder:
        sources = [str(folder / name) for name in _SOURCES]
        subprocess.run([compiler, "-O1", "-o", str(program), *sources, *_LIBRARIES], check=True)
    return program
