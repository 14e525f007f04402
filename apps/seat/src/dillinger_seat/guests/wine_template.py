"""The template that Wine's prefixes are made of: made once for each Wine of this machine, in a sandbox. Blocking.

It takes five to ten seconds, once for each Wine: the first Windows game of a machine waits for it, in a step of its
own. In a container's image it is made at build, by the same program (`prefix`).
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from dillinger_contracts.cell import HOME, PYTHON, environment
from dillinger_contracts.errors import Unavailable, Unsupported
from dillinger_contracts.wine import WineLaunch
from dillinger_programs.alone import WINE, standalone
from dillinger_programs.wine import GET_WINE, TIMESTAMP, has_32_bit, wine_version
from dillinger_seat.cell.alone import run_alone
from dillinger_seat.cell.windows import template_of

from . import prefix
from .wine_settings import prefix_path, wine_variables

TIMEOUT_S = 180.0
KEPT = 2
"""The newest, and the one before it, over which sessions may be running."""


@cache
def prefix_program() -> str:
    """The text of the program that makes a prefix ready, inside a cell."""
    return standalone(WINE | {"prefix": Path(prefix.__file__)})


def ensure_template(folder: Path) -> Path:
    """This machine's template below `folder`, made if it lacks. Raises `Unsupported` (no Wine, no sandbox), or
    `Unavailable` with what Wine said."""
    version = wine_version()
    if version is None:
        raise Unsupported("There is no Wine on this machine", hint=GET_WINE)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (known := template_of(folder)) is not None:
            return known
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as room:
            made = _make(Path(room))
            shutil.rmtree(folder / version, ignore_errors=True)
            made.rename(folder / version)
        _forget_old(folder)
    return folder / version


def _make(room: Path) -> Path:
    launch = WineLaunch(command=("wineboot",))
    variables = environment() | wine_variables(launch, HOME)
    wish = {
        "program": "wineboot",
        "template": "",
        "architecture": launch.architecture,
        "registry": [],
        "winetricks": [],
        "layers": [],
        "runtimes": "",
        "environment": variables,
    }
    command = [PYTHON, "-I", "-S", "-c", prefix_program(), json.dumps(wish), "1"]
    try:
        done = run_alone(command, room, timeout_s=TIMEOUT_S, runs_32_bit=has_32_bit())
    except FileNotFoundError as error:
        raise Unsupported("There is no sandbox on this machine", hint="apt-get install bubblewrap") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"Wine had not made its prefix after {TIMEOUT_S:g} s") from error
    made = Path(prefix_path(str(room / "saves"), launch.prefix))
    if done.returncode != 0 or not (made / TIMESTAMP).is_file():
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise Unavailable(f"Wine could not make its prefix: {said}")
    return made


def _forget_old(folder: Path) -> None:
    templates = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    templates.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    for old in templates[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
