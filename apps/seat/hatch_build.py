"""Compiles the interposer of gamepads into the package, for a wheel and for a tree that is worked in alike.

Without a C compiler the seat is built all the same: its sessions then have no gamepads, and say why.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileInterposer(BuildHookInterface[Any]):
    """Run by hatchling before it packs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Makes `interposer.so`, and the wheel one of this machine's kind."""
        folder = Path(self.root) / "src/dillinger_seat/pads"
        known = runpy.run_path(str(folder / "library.py"))
        source, target = folder / known["SOURCE"].name, folder / known["INTERPOSER_FILE"].name
        draft = target.with_suffix(".so.new")
        try:
            subprocess.run([*known["COMPILE"], "-o", str(draft), str(source)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"gamepads are left out: {error}", file=sys.stderr)
            target.unlink(missing_ok=True)  # one of another source would be worse than none
            return
        draft.replace(target)  # sessions may have the old one mapped
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
