"""Where things are in a cell, and in the session's runtime folder that seat and cell share.

A seat that makes a sandbox and a runner that makes a container lay a cell out alike, so that a game can't tell which
one it is in.
"""

from __future__ import annotations

GAME = "/game"
FLATPAK_APP = "/app"
"""A link to the game's `files`: a program that was packed as a Flatpak looks for itself there."""
HOME = "/home/player"
PYTHON = "/usr/bin/python3"
PATH = "/usr/local/games:/usr/games:/usr/local/bin:/usr/bin:/bin"

SHARED = "/run/dillinger"
X11_AUTH = f"{SHARED}/auth"
SOUND = f"{SHARED}/sound"
PADS = "/dev/input"
"""Where gamepads come and go, as sockets that the interposer takes for devices."""
PRELOAD = f"{SHARED}/preload"
"""Where a loader finds what is loaded into the game, below the folder that it expands `$LIB` to."""
INTERPOSER = f"{PRELOAD}/$LIB/pads.so"
SESSION_PRELOAD = "preload"
"""The same in the session's own folder, for a container: a runtime folder is often where nothing may be executed."""
INIT = f"{SHARED}/init.py"
CONTAINER_CELL = f"{SHARED}/cell"
CONTAINER_INIT = (PYTHON, "-I", "-S", f"{CONTAINER_CELL}/init.py", "--connect", f"{CONTAINER_CELL}/init.sock")
"""Process 1 of a cell that is a container."""
X11_SOCKETS = "/tmp/.X11-unix"  # noqa: S108 - the cell's own /tmp
RUNTIME = "/run/user/1000"
RUN_BYTES = 16 * 1024 * 1024
"""Size of RUNTIME, at most."""

MADE_UP = {"passwd": "passwd", "group": "group", "nsswitch": "nsswitch.conf", "machine_id": "machine-id"}
"""Files of `/etc` that the seat makes for one session: what it calls them → what they are called there."""


SEAT_RUNTIME = f"{SHARED}/runtime"
"""Where a container whose seat waits for its session has the runtime folder: all that it mounts."""


class RuntimeFolder:
    """Names in a session's runtime folder; the seat makes them all, and `INIT_SOCKET` last."""

    STREAM_SOCKET = "stream.sock"
    HAND_SOCKET = "hand.sock"
    """There while a container's seat awaits its session; it takes one connection."""
    X11 = "x11"
    SOUND = "sound"
    AUTH = "auth"
    PADS = "pads"
    CELL = "cell"
    """What a container mounts beside these."""
    INIT_SOCKET = "cell/init.sock"
    """There once the seat awaits the connection of a container's init; gone once it has it."""
    INIT = "cell/init.py"
    ETC = "cell/etc"
    WRITES_GAME = "cell/writes_game"
    """There where a container's game may write into its own folder: the seat holds the lock for that."""
    GAME = "game"
    """Where a sandbox's overlay of the game's folder is mounted."""


def environment() -> dict[str, str]:
    """What every process in a cell has; nothing of the seat's own environment passes."""
    return {
        "PATH": PATH,
        "HOME": HOME,
        "USER": "player",
        "LOGNAME": "player",
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": RUNTIME,
    }
