"""`share-files.py PREFIX UID`: makes the files of a Wine prefix that are Wine's own hard links to those.

Wine copies each of its programs and libraries into a prefix, which would be in the image twice. They come to belong to
the player, as the rest of the prefix does: an overlay over the prefix then lets a game replace them for itself, while
the image stays as it is. Prints how much it saved. Standard library only; runs in the build.
"""

from __future__ import annotations

import filecmp
import os
import sys
from pathlib import Path


def main() -> None:
    """Every regular file of the prefix whose name and content Wine has too."""
    prefix, uid = Path(sys.argv[1]), int(sys.argv[2])
    originals: dict[str, list[Path]] = {}
    for original in Path("/usr/lib").glob("*/wine/*-windows/*"):
        originals.setdefault(original.name.lower(), []).append(original)
    saved_bytes = 0
    for file in (prefix / "drive_c").rglob("*"):
        if file.is_symlink() or not file.is_file():
            continue
        for original in originals.get(file.name.lower(), ()):
            if filecmp.cmp(original, file, shallow=False):
                saved_bytes += file.stat().st_size
                file.unlink()
                os.chown(original, uid, uid)
                file.hardlink_to(original)
                break
    print(f"{saved_bytes / 1e6:.0f} MB shared")


if __name__ == "__main__":
    main()
