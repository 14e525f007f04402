"""Compiles the interposer of gamepads into the package, for a wheel and for a tree that is worked in alike.

Without a C compiler the seat is built all the same: its sessions then have no gamepads, and say why.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileInterposer(BuildHookInterface[Any]):
    """Run by hatchling before it packs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Makes `interposer.so`, and the wheel one of this machine's kind; on x86-64 `interposer32.so` too."""
        folder = Path(self.root) / "src/dillinger_seat/pads"
        known = runpy.run_path(str(folder / "library.py"))
        source = folder / known["SOURCE"].name
        if not _compiled(known["COMPILE"], source, folder / known["INTERPOSER_FILE"].name):
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        if os.uname().machine == "x86_64":
            with tempfile.TemporaryDirectory() as headers:
                stubs = Path(headers) / known["STUBS_32"]
                stubs.parent.mkdir()
                stubs.touch()
                command = (*known["COMPILE_32"], f"-I{headers}")
                _compiled(command, source, folder / known["INTERPOSER_32_FILE"].name)


def _compiled(command: tuple[str, ...], source: Path, target: Path) -> bool:
    """Whether it could be."""
    draft = target.with_suffix(".so.new")
    try:
        subprocess.run([*command, "-o", str(draft), str(source)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"gamepads are left out ({target.name}): {error}", file=sys.stderr)
        target.unlink(missing_ok=True)  # one of another source would be worse than none
        return False
    draft.replace(target)  # sessions may have the old one mapped
    return True
