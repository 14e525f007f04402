"""The codec libraries that PyAV's wheel carries beside itself, loaded for our own calls; a PyAV built here uses the
system's."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
from pathlib import Path
from typing import Any

from .base import EncoderUnavailable


def places(file_prefix: str, name: str) -> list[str]:
    """Where the library may be: `file_prefix` is how its file is called in the wheel, `name` what linkers call it."""
    found = importlib.util.find_spec("av")
    beside = Path(found.origin).parent.parent / "av.libs" if found and found.origin else None
    bundled = [str(path) for path in sorted(beside.glob(f"{file_prefix}*"))] if beside and beside.is_dir() else []
    system = ctypes.util.find_library(name) if not bundled else None
    return [*bundled, *([system] if system else [])]


def load(file_prefix: str, name: str, *, symbol: str, hint: str) -> Any:
    """The first of them that has `symbol`; raises `EncoderUnavailable`."""
    for place in places(file_prefix, name):
        try:
            library = ctypes.CDLL(place)
        except OSError:
            continue
        if hasattr(library, symbol):
            return library
    raise EncoderUnavailable(f"There is no {file_prefix} with {symbol} here", hint=hint)
