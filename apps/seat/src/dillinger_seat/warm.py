"""A seat that was started before its session: it loads what takes long, then waits to be given away.

It holds nothing of any player: no cell, no display, no key. Its runner gives it away by moving its `identity.json`
into a session's folder. That happens once and as a whole, so where the file is now is what the seat becomes, whatever
became of the runner meanwhile. A signal wakes it; one that is lost costs a second. In a container it is handed spec
and folders over a socket instead. Blocking, on the main thread.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

from dillinger_contracts.cell import RuntimeFolder
from dillinger_contracts.handing import Handing
from dillinger_contracts.seat_folder import SeatFolder
from dillinger_contracts.session import SeatSpec
from dillinger_contracts.wine import RUNTIMES_FOLDER

from .loading import load

LONGEST_S = 3600.0
"""A seat that nobody wants for so long ends: its runner is gone for good, or starts another."""
_LOOK_S = 1.0
_HANDING_S = 10.0
_MAX_FOLDERS = 8


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


def await_handing(runtime: Path, library: Path = Path("/tmp/library")) -> SeatSpec | None:  # noqa: S108 - a container's
    """The session that this container's seat is given, its folders by descriptor; None where nobody came.

    `library` is made, and holds the game's folder, and the runtimes' where that was handed too. The descriptors stay
    open as long as this process lives.
    """
    load()
    path, draft = runtime / RuntimeFolder.HAND_SOCKET, runtime / ".hand.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(draft))
        listener.listen(1)
        listener.settimeout(LONGEST_S)
        draft.rename(path)
        (runtime / SeatFolder.WARM).touch(mode=0o600)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return None
        with connection:
            connection.settimeout(_HANDING_S)
            handing, descriptors = _take(connection)
            (runtime / SeatFolder.WARM).unlink()
            path.unlink()
            connection.send(b".")
    places = (f"/proc/self/fd/{number}" for number in descriptors)
    folders: dict[str, str] = dict(zip(handing.folders, places, strict=True))
    spec = handing.spec
    library.mkdir()
    (library / spec.session.game.game_id).symlink_to(folders.pop("game"))
    if (runtimes := folders.pop("runtimes", None)) is not None:
        (library / RUNTIMES_FOLDER).symlink_to(runtimes)
    return spec.model_copy(update={**folders, "library_dir": str(library), "runtime_dir": str(runtime)})


def _take(connection: socket.socket) -> tuple[Handing, list[int]]:
    text, descriptors, _, _ = socket.recv_fds(connection, 65_536, _MAX_FOLDERS, socket.MSG_CMSG_CLOEXEC)
    while chunk := connection.recv(65_536):
        text += chunk
    return Handing.model_validate_json(text), list(descriptors)


def _look(certificate: int, folder: Path) -> Path | None:
    deadline_s = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline_s:
        now = Path(f"/proc/self/fd/{certificate}").readlink()
        if now != folder / SeatFolder.IDENTITY:
            return now.parent if now.exists() else None  # `… (deleted)` is no file
        signal.sigtimedwait({signal.SIGUSR1}, _LOOK_S)
    return None
