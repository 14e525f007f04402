"""Which Wine a system has: what starts Windows programs, whether 32-bit ones too, and what changes with each Wine.

The standard library only: a cell looks at its own Wine with this text (`alone`), core and runner look at the machine's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

LOADERS = ("/usr/lib/wine/wine", "/usr/lib/wine/wine64")
"""Debian's: the first starts both kinds of program, and is there only with the 32-bit half."""
INF_FILES = tuple(Path(f"/usr/{folder}/wine.inf") for folder in ("share/wine", "share/wine/wine", "local/share/wine"))
TIMESTAMP = ".update-timestamp"
"""In a prefix: the time of the wine.inf that it was made by."""
GET_WINE = "apt-get install wine wine64"
GET_32_BIT = "dpkg --add-architecture i386 && apt-get update && apt-get install wine32:i386"
_LIBRARIES = (("*/wine/x86_64-windows", 64), ("i386*/wine/i386-windows", 32))
_32_BIT_LIBRARIES = "drive_c/windows/syswow64"


def wine_loader() -> str | None:
    """The program that starts Windows programs; None where there is no Wine."""
    own = next((path for path in LOADERS if os.access(path, os.X_OK)), None)
    return own or shutil.which("wine")


def libraries_bytes() -> int | None:
    """The size of the Windows libraries that Wine copies into a new prefix; None where they are not to be found."""
    wanted = [folder for folder, bits in _LIBRARIES if bits == 64 or has_32_bit()]
    sizes = [file.stat().st_size for pattern in wanted for file in Path("/usr/lib").glob(f"{pattern}/*")]
    return sum(sizes) or None


def has_32_bit(path: str | None = None) -> bool:
    """Whether the Wine here, or the one whose loader is `path`, starts 32-bit programs. Another's than Debian's comes
    whole."""
    path = path or wine_loader()
    return path is not None and path != LOADERS[1]


def wine_version() -> str | None:
    """What a prefix depends on: the time of Wine's wine.inf, as Wine itself looks at it, and whether both halves are
    here; None where there is no Wine."""
    for file in INF_FILES:
        with contextlib.suppress(OSError):
            return _named(str(int(file.stat().st_mtime)), has_both=has_32_bit())
    return None


def template_of(templates_dir: Path) -> Path | None:
    """The prefix below `templates_dir` that others are made of, for the Wine that is here; None where there is none."""
    version = wine_version()
    if version is None:
        return None
    template = templates_dir / version
    return template if (template / TIMESTAMP).is_file() else None


def version_of(prefix: Path) -> str | None:
    """Of which Wine `prefix` is, as `wine_version` has it; None where it is no whole prefix."""
    try:
        stamp = (prefix / TIMESTAMP).read_text("latin-1").strip()
    except OSError:
        return None
    return _named(stamp, has_both=(prefix / _32_BIT_LIBRARIES / "kernel32.dll").exists())


def _named(stamp: str, *, has_both: bool) -> str:
    return f"{stamp}-both" if has_both else stamp
