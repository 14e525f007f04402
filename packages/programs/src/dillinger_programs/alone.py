"""Makes `libraries` a program of its own, for a Python that has nothing of Dillinger: the one inside a cell.

The text travels as an argument (`python3 -I -S -c TEXT …`), so that it needs no file in any kind of cell.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_MODULES = ("elf", "libraries")
"""In the order in which they import each other."""
_START = """\
import sys, types
for name, text in {sources!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""


@cache
def libraries_program() -> str:
    """The text of a Python program that does what `libraries.main` does."""
    here = Path(__file__).parent
    sources = {f"dillinger_programs.{name}": (here / f"{name}.py").read_text("utf-8") for name in _MODULES}
    return _START.format(sources=sources)
