"""Where the interposer is: compiled from `interposer.c` when the seat was installed (`hatch_build.py`).

Standard library only: the build reads this too.
"""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).with_name("interposer.c")
INTERPOSER_FILE = Path(__file__).with_name("interposer.so")
COMPILE = (
    "cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden",
    "-Wl,-z,relro,-z,now",
)  # fmt: skip
MISSING = "their library was not built: there was no C compiler when Dillinger was installed"
