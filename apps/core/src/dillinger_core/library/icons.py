"""Finds the icon of a desktop entry as the Icon Theme Specification says, in the fallback theme hicolor. Blocking.

These directories belong to the machine's administrator, so symlinks in them are followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

MAX_ICON_BYTES = 1 << 20
_SIZES = ("256x256", "512x512", "192x192", "128x128", "scalable", "96x96", "64x64", "48x48", "32x32")
"""The best first: cards show an icon at some 128 px, on dense screens at twice that."""
_SUFFIXES = (".png", ".svg")


def find_icon(icon: str, directories: Sequence[Path]) -> Path | None:
    """The file for `icon`, a name or an absolute path; None when there is none that a browser shows."""
    if not icon:
        return None
    if icon.startswith("/"):
        return _usable([Path(icon)])
    if "/" in icon or icon in (".", ".."):
        return None
    stem = icon.removesuffix(".png").removesuffix(".svg")
    return _usable(_candidates(stem, directories))


def _candidates(stem: str, directories: Sequence[Path]) -> Iterable[Path]:
    for size in _SIZES:
        for directory in directories:
            for suffix in _SUFFIXES:
                yield directory / "hicolor" / size / "apps" / f"{stem}{suffix}"
    for directory in directories:
        for suffix in _SUFFIXES:
            yield directory / f"{stem}{suffix}"


def _usable(candidates: Iterable[Path]) -> Path | None:
    for path in candidates:
        try:
            if path.suffix in _SUFFIXES and path.is_file() and 0 < path.stat().st_size <= MAX_ICON_BYTES:
                return path
        except OSError:
            continue
    return None
