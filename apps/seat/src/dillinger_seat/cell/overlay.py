"""Mounts a template over a player's folder, then becomes the sandbox: a stage between the seat and bubblewrap.

Runs as `/usr/bin/python3 -I -S overlay.py TEMPLATE HOME FOLDER COMMAND…`: the standard library only. bubblewrap 0.8
mounts no overlays, so this does, in a user and a mount namespace of its own that nobody else sees. HOME/FOLDER is the
upper layer and where the whole is mounted; what the game changes lands there, and the template stays as it is. HOME's
content is a game's, which may have put links in the way: each step down is opened without following one.

Where the kernel or its guards refuse (AppArmor, an old kernel), COMMAND is run as it would have been without: the cell
finds no mount and fills its prefix in.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WORK = ".work"
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


def mount_overlay(template: str, home: str, folder: str) -> None:
    """Raises OSError where it can't be."""
    base, lower = os.open(home, _DIRECTORY), os.open(template, _DIRECTORY)
    parent, _, name = folder.rpartition("/")
    upper, work = folder_below(base, folder), folder_below(base, f"{parent}/{_WORK}/{name}")
    target = f"/proc/self/fd/{upper}"
    options = f"lowerdir=/proc/self/fd/{lower},upperdir={target},workdir=/proc/self/fd/{work},userxattr"
    checked(_LIBC.mount(b"overlay", target.encode(), b"overlay", 0, options.encode()), "mount overlay")
    os.chmod("work", 0o700, dir_fd=work)  # the kernel's own, which else nobody but root could ever remove
    for descriptor in (base, lower, upper, work):
        os.close(descriptor)


def is_allowed(template: str, home: str, folder: str) -> bool:
    """Whether it can be done, tried in a child: who is refused half-way is in a namespace that it can't leave."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    try:
        enter_namespaces()
        mount_overlay(template, home, folder)
        os._exit(0)
    except OSError as error:
        print(f"overlay refused: {error}", flush=True)
    finally:
        os._exit(1)


def main() -> None:
    """Takes everything from the command line."""
    template, home, folder, *command = sys.argv[1:]
    if is_allowed(template, home, folder):
        enter_namespaces()
        mount_overlay(template, home, folder)
    os.execvp(command[0], command)  # noqa: S606 - the sandbox, no shell


if __name__ == "__main__":
    main()
