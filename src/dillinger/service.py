"""`dillinger service`: Dillinger as a systemd unit that starts with the machine; the one part that root runs."""

from __future__ import annotations

import os
from pathlib import Path

from dillinger_contracts.errors import Denied, Unsupported
from dillinger_stream.program.systemd import Unit

from .tree import Tree

UNIT = Path("/etc/systemd/system/dillinger.service")
RUNNING = Path("/run/systemd/system")
"""There while systemd is the init (sd_booted(3))."""


def unit_text(tree: Tree) -> str:
    """The unit for this tree."""
    template = (tree.root / "deploy/systemd/dillinger.service").read_text("utf-8")
    return template.replace("@TREE@", str(tree.root))


def install(tree: Tree) -> None:
    """Writes, enables and starts the unit; a second time brings it up to date."""
    _ensure_systemd()
    Unit(UNIT).install(unit_text(tree))


def remove() -> bool:
    """Stops and forgets the unit; whether there was one."""
    _ensure_systemd()
    return Unit(UNIT).remove()


def _ensure_systemd() -> None:
    if not RUNNING.is_dir():
        raise Unsupported(
            "This machine is not run by systemd, so there is no service to install",
            hint="Have its own init (or a container's) run: ./dillinger up --yes",
        )
    if os.geteuid() != 0:
        raise Denied("A service of the machine is root's to install", hint="sudo ./dillinger service install")
