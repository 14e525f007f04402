"""A seat that was started before its session: it loads what takes long, then waits to be given away.

It holds nothing of any player: no cell, no display, no key. Its runner gives it away by moving its `identity.json`
into a session's folder. That happens once and as a whole, so where the file is now is what the seat becomes, whatever
became of the runner meanwhile. A signal wakes it; one that is lost costs a second. Blocking, on the main thread.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from dillinger_contracts.seat_folder import SeatFolder

LONGEST_S = 3600.0
"""A seat that nobody wants for so long ends: its runner is gone for good, or starts another."""
_LOOK_S = 1.0


def await_session(folder: Path) -> Path | None:
    """The folder of the session that this seat is given to; None where it was given up."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # before any thread is there that could take it
    certificate = os.open(folder / SeatFolder.IDENTITY, os.O_RDONLY | os.O_CLOEXEC)
    try:
        load()
        (folder / SeatFolder.WARM).touch(mode=0o600)
        return _look(certificate, folder)
    finally:
        os.close(certificate)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # forgets one that came late; children start without a mask
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def load() -> None:
    """Imports all that a session needs."""
    import uvloop

    from . import seat, streaming
    from .desktops import x11

    del uvloop, seat, streaming, x11


def _look(certificate: int, folder: Path) -> Path | None:
    deadline_s = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline_s:
        now = Path(f"/proc/self/fd/{certificate}").readlink()
        if now != folder / SeatFolder.IDENTITY:
            return now.parent if now.exists() else None  # `… (deleted)` is no file
        signal.sigtimedwait({signal.SIGUSR1}, _LOOK_S)
    return None
