"""The template that Wine's prefixes are made of: made once for each Wine of this machine, in a sandbox. Blocking.

It takes ten seconds or more, so the runner has it made ahead, by `python -m dillinger_seat --wine-template`, and tells
whoever waits how far it is. In a container's image it is made at build, by the same program (`prefix`).
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from dillinger_contracts.cell import HOME, PYTHON, environment
from dillinger_contracts.errors import Unavailable, Unsupported
from dillinger_contracts.wine import WineLaunch
from dillinger_programs.alone import WINE, standalone
from dillinger_programs.wine import GET_WINE, TIMESTAMP, has_32_bit, libraries_bytes, template_of, wine_version
from dillinger_saves.measure import folder_bytes
from dillinger_seat.cell.alone import run_alone

from . import prefix
from .wine_settings import prefix_path, wine_variables

TIMEOUT_S = 180.0
_TELL_S = 0.5
_NOT_QUITE = 0.99
_MAKING = ".making-"
KEPT = 2
"""The newest, and the one before it, over which sessions may be running."""


@cache
def prefix_program() -> str:
    """The text of the program that makes a prefix ready, inside a cell."""
    return standalone(WINE | {"prefix": Path(prefix.__file__)})


def ensure_template(folder: Path, *, on_share: Callable[[float], None] | None = None) -> Path:
    """This machine's template below `folder`, made if it lacks; `on_share` is told on a thread of its own how much is.

    Raises `Unsupported` (no Wine, no sandbox), or `Unavailable` with what Wine said.
    """
    version = wine_version()
    if version is None:
        raise Unsupported("There is no Wine on this machine", hint=GET_WINE)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (known := template_of(folder)) is not None:
            return known
        for left in folder.glob(f"{_MAKING}*"):  # of one that was killed: nobody else is here now
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_MAKING, dir=folder) as room, _told(Path(room), on_share):
            made = _make(Path(room))
            shutil.rmtree(folder / version, ignore_errors=True)
            made.rename(folder / version)
        _forget_old(folder)
    return folder / version


@contextmanager
def _told(room: Path, on_share: Callable[[float], None] | None) -> Iterator[None]:
    """Measures how much of what Wine has to copy is there; the rest is small."""
    whole, is_over = libraries_bytes(), threading.Event()
    if on_share is None or whole is None:
        yield
        return

    def tell() -> None:
        while not is_over.wait(_TELL_S):
            on_share(min(folder_bytes(room) / whole, _NOT_QUITE))

    teller = threading.Thread(target=tell, name="template share")
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()


def _make(room: Path) -> Path:
    launch = WineLaunch(command=("wineboot",))
    variables = environment() | wine_variables(launch, HOME)
    wish = {
        "program": "wineboot",
        "template": "",
        "installed": "",
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
