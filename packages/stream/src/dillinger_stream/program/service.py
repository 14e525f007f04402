"""`dillinger-stream service`: streaming one's own desktop whenever one is logged in, as a unit of the user's systemd.

The program stays in the foreground, as ever: that it is started, restarted and ended is systemd's. Its addresses, which
are keys, go to no log: `status` tells them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from dillinger_contracts.errors import Denied, Unsupported

from .systemd import Unit, command_line

NAME = "dillinger-stream.service"
_PRINT = "dillinger-stream service print shows the unit; any other init may run: dillinger-stream start"


def unit_text(program: Sequence[str]) -> str:
    """The unit that starts the program, which is run by these words."""
    template = resources.files(__package__).joinpath(NAME).read_text("utf-8")
    return template.replace("@PROGRAM@", command_line(program))


def unit_of(environment: Mapping[str, str]) -> Unit:
    """Where this user's unit is."""
    home = Path(environment.get("HOME") or "/")
    return Unit(Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "systemd/user" / NAME, is_user_s=True)


def ensure_possible(environment: Mapping[str, str], *, uid: int) -> None:
    """Raises `Denied` or `Unsupported`, and says what to do."""
    if uid == 0:
        raise Denied("A desktop is streamed by whose it is, not by root", hint="Run it as that user, without sudo")
    if not Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}", "systemd").is_dir():
        raise Unsupported("There is no systemd of this user's, so there is no service to install", hint=_PRINT)


def install(program: Sequence[str]) -> None:
    """Writes, enables and starts the unit; a second time brings it up to date."""
    ensure_possible(os.environ, uid=os.getuid())
    unit_of(os.environ).install(unit_text(program))


def remove() -> bool:
    """Stops and forgets the unit; whether there was one."""
    ensure_possible(os.environ, uid=os.getuid())
    return unit_of(os.environ).remove()
