"""Where the interposers are: compiled from `interposer.c` when the seat was installed (`hatch_build.py`).

One for the programs of this machine, and on x86-64 one for 32-bit programs: each loader takes the one that lies where
it expands `$LIB` to. The second is built without a C library (it has what it needs from its program), so no other
compiler than the machine's own is asked for. Standard library only: the build reads this too.
"""

from __future__ import annotations

import os
from pathlib import Path

SOURCE = Path(__file__).with_name("interposer.c")
INTERPOSER_FILE = Path(__file__).with_name("interposer.so")
INTERPOSER_32_FILE = Path(__file__).with_name("interposer32.so")
NAME = "pads.so"
COMPILE = (
    "cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden",
    "-Wl,-z,relro,-z,now",
)  # fmt: skip
COMPILE_32 = (
    *COMPILE, "-m32", "-nostdlib", "-fno-stack-protector", "-isystem", f"/usr/include/{os.uname().machine}-linux-gnu",
)  # fmt: skip
STUBS_32 = "gnu/stubs-32.h"
"""The one header of the C library that there is for 32-bit programs only; what it says concerns no program here."""
MISSING = "their library was not built: there was no C compiler when Dillinger was installed"

_PLACES = {
    INTERPOSER_FILE: (f"lib/{os.uname().machine}-linux-gnu", "lib64", "lib"),
    INTERPOSER_32_FILE: ("lib/i386-linux-gnu", "lib32"),
}
"""What loaders expand `$LIB` to: Debian's, Fedora's, Arch's; for 32 bit Debian's own and its biarch one."""


def interposers() -> tuple[tuple[Path, str], ...]:
    """Each that was built, and its places below the folder that is named before `$LIB`."""
    return tuple((file, f"{place}/{NAME}") for file, places in _PLACES.items() if file.is_file() for place in places)
