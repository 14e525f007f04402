"""Puts the built page of a desktop beside the program that serves it, so that a wheel is all that a machine needs.

A tree that is worked in finds its own `web/dist`. Where that is not built, as in the image of a seat, which shows no
page, the wheel comes without, and the program says at its start what is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = "desktop.html"
PLACE = "dillinger_stream/program/web"
_LEFT_OUT = {".html", ".map"}


def files_of(page: Path) -> list[Path]:
    """The page and what it names, and what that names in turn, below its folder."""
    others = {file.name: file for file in page.parent.rglob("*") if file.is_file() and file.suffix not in _LEFT_OUT}
    found = [page]
    for file in found:  # grows meanwhile
        text = file.read_text("utf-8")
        found += [others.pop(name) for name in sorted(others) if name in text]
    return found


class CarryPage(BuildHookInterface[Any]):
    """Run by hatchling before it packs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the page's files to a wheel."""
        page = Path(self.root).parents[1] / "web/dist" / PAGE
        if version == "editable":
            return
        if not page.is_file():
            print(f"the page is left out: there is no {page}; ./dillinger build stream makes it", file=sys.stderr)
            return
        for file in files_of(page):
            build_data["force_include"][str(file)] = f"{PLACE}/{file.relative_to(page.parent)}"
