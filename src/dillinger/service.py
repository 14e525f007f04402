"""`dillinger service`: Dillinger as a systemd unit that starts with the machine; the one part that root runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dillinger_contracts.errors import Denied, Unavailable, Unsupported

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
    UNIT.write_text(unit_text(tree), "utf-8")
    _systemctl("daemon-reload")
    _systemctl("enable", "dillinger.service")
    _systemctl("restart", "dillinger.service")


def remove() -> bool:
    """Stops and forgets the unit; whether there was one."""
    _ensure_systemd()
    if not UNIT.exists():
        return False
    _systemctl("disable", "--now", "dillinger.service")
    UNIT.unlink()
    _systemctl("daemon-reload")
    return True


def _ensure_systemd() -> None:
    if not RUNNING.is_dir():
        raise Unsupported(
            "This machine is not run by systemd, so there is no service to install",
            hint="Have its own init (or a container's) run: ./dillinger up --yes",
        )
    if os.geteuid() != 0:
        raise Denied("A service of the machine is root's to install", hint="sudo ./dillinger service install")


def _systemctl(*arguments: str) -> None:
    ended = subprocess.run(("systemctl", *arguments), capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise Unavailable(
            f"systemctl {' '.join(arguments)} failed: {ended.stderr.strip()}", hint="journalctl -u dillinger tells more"
        )
