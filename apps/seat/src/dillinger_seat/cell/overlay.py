"""Mounts what games may write over what they share, then becomes the sandbox: a stage between seat and bubblewrap.

Runs as `/usr/bin/python3 -I -S overlay.py LAYERS COMMAND…`: the standard library only. bubblewrap 0.8 mounts no
overlays, so this does, in a user and a mount namespace of its own that nobody else sees. LAYERS is JSON (`Layer`): what
lies below, and in `base` the folder that takes the changes; the whole is mounted over that folder, or at `target`.
What is in `base` is a game's, which may have put links in the way: each step down is opened without following one.

Where the kernel or its guards refuse (AppArmor, an old kernel), COMMAND is run as it would have been without, unless
the layer is needed. Without a COMMAND it is only tried: exit code 1 says that a layer is refused.

Between sessions the lower layer may change (a game's update, a new Wine). overlayfs defines what comes of that as long
as nothing in the upper layer refers to the lower: so everything that would is off.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPTIONS = "userxattr,index=off,xino=off"
"""`userxattr` also forbids redirects and files of metadata alone."""
_LIBC = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    """Raises OSError when a call of the C library has failed."""
    if result:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def folder_below(home: int, path: str) -> int:
    """A descriptor of the folder `path` below the descriptor `home`, made where it lacks; follows no link."""
    at = os.dup(home)
    for name in path.split("/"):
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=at)
        below = os.open(name, _DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    return at


def enter_namespaces() -> None:
    """A user namespace in which we are who we were, with the right to mount in a mount namespace of its own."""
    uid, gid = os.getuid(), os.getgid()
    checked(_LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", "ascii")


def mount_overlay(layer: dict[str, Any]) -> None:
    """Raises OSError where it can't be."""
    base, lower = os.open(layer["base"], _DIRECTORY), [os.open(path, _DIRECTORY) for path in layer["lower"]]
    upper, work = folder_below(base, layer["upper"]), folder_below(base, layer["work"])
    below = ":".join(f"/proc/self/fd/{descriptor}" for descriptor in lower)
    options = f"lowerdir={below},upperdir=/proc/self/fd/{upper},workdir=/proc/self/fd/{work},{_OPTIONS}"
    target = layer["target"] or f"/proc/self/fd/{upper}"
    checked(_LIBC.mount(b"overlay", target.encode(), b"overlay", 0, options.encode()), "mount overlay")
    with contextlib.suppress(PermissionError):  # an engine's, made by root: empty, so that its folder's owner may
        os.chmod("work", 0o700, dir_fd=work)  # the kernel's own, which else nobody but root could ever remove
    for descriptor in (base, *lower, upper, work):
        os.close(descriptor)


def is_allowed(layer: dict[str, Any]) -> bool:
    """Whether it can be done, tried in a child: who is refused half-way is in a namespace that it can't leave."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    try:
        enter_namespaces()
        mount_overlay(layer)
        os._exit(0)
    except OSError as error:
        print(f"overlay refused: {error}", flush=True)
    finally:
        os._exit(1)


def main() -> None:
    """Takes everything from the command line."""
    layers, command = json.loads(sys.argv[1]), sys.argv[2:]
    allowed = [layer for layer in layers if is_allowed(layer)]
    if len(allowed) < len(layers) and (
        not command or any(layer["is_needed"] and layer not in allowed for layer in layers)
    ):
        sys.exit(1)
    if not command:
        return
    if allowed:
        enter_namespaces()
    for layer in allowed:
        mount_overlay(layer)
    os.execvp(command[0], command)  # noqa: S606 - the sandbox, no shell


if __name__ == "__main__":
    main()
