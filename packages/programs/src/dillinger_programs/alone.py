"""Makes modules a program of their own, for a Python that has nothing of Dillinger: the one inside a cell.

The text travels as an argument (`python3 -I -S -c TEXT …`), so that it needs no file in any kind of cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_START = """\
import sys, types
for name, text in {sources!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""
WINE = {"dillinger_programs.wine": _HERE / "wine.py"}
"""For a program that looks at its cell's Wine."""


def standalone(modules: Mapping[str, Path]) -> str:
    """The text of a program that runs `main` of the last of `modules` (name → file), which import only the standard
    library and those before them."""
    return _START.format(sources={name: file.read_text("utf-8") for name, file in modules.items()})


@cache
def libraries_program() -> str:
    """The text of a Python program that does what `libraries.main` does."""
    return standalone({f"dillinger_programs.{name}": _HERE / f"{name}.py" for name in ("elf", "libraries")})
