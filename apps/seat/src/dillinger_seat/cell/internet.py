"""Gives what follows the internet and nothing nearer: a stage between seat and sandbox, as `overlay.py` is.

Runs as `/usr/bin/python3 -I -S internet.py WALLS ALIVE COMMAND…`: the standard library only. It makes a network
namespace, has slirp4netns carry its packets as connections of this user, puts the walls up (WALLS is text for nft(8)),
and only then becomes COMMAND. ALIVE is the reading end of a pipe: slirp4netns ends when nobody holds the other.

The network belongs to a user namespace that COMMAND is in and its sandbox is not. So nobody in the sandbox has a right
over it, whatever namespaces they make there. Whatever fails here, COMMAND is not run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWNS = 0x10000000, 0x40000000, 0x20000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_TOOLS = {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
_CARRIER = (
    "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox", "--enable-seccomp",
)  # fmt: skip
_DEVICE = "tap0"
_LIBC = ctypes.CDLL(None, use_errno=True)


def start_carrier(alive: int) -> tuple[int, int]:
    """A child that stays in the machine's network and becomes slirp4netns for ours, once it is told that ours is there
    by the first descriptor; the second is written to when it carries, and ends when it does not."""
    ours = os.getpid()
    told, tell = os.pipe()
    ready, be_ready = os.pipe()
    if os.fork():
        os.close(told)
        os.close(be_ready)
        return tell, ready
    try:
        keep = {0, 1, 2, told, be_ready, alive}
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names of descriptors
            if int(name) not in keep:
                with contextlib.suppress(OSError):  # the list's own
                    os.close(int(name))
        if os.read(told, 1):
            keep_mounts_apart()
            for descriptor in (be_ready, alive):
                os.set_inheritable(descriptor, True)
            words = [*_CARRIER, f"--ready-fd={be_ready}", f"--exit-fd={alive}", str(ours), _DEVICE]
            silence = os.open(os.devnull, os.O_WRONLY)
            for descriptor in (1, 2):  # it talks all the time, and outlives who reads here
                os.dup2(silence, descriptor)
            os.execvpe(words[0], words, _TOOLS)  # noqa: S606 - no shell
    except OSError:
        pass  # nobody is ready then
    finally:
        os._exit(1)


def keep_mounts_apart() -> None:
    """Of what is run as root: slirp4netns leaves the machine's mounts by unmounting them all, and has only the topmost
    to itself; what is below a shared one, such as a container engine's folder, would go on the machine too
    (mount_namespaces(7)). An ordinary user's namespaces have no such say. Raises OSError."""
    if os.geteuid() != 0:
        return
    if _LIBC.unshare(_CLONE_NEWNS) or _LIBC.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None):
        raise OSError(ctypes.get_errno(), f"mounts: {os.strerror(ctypes.get_errno())}")


def enter_network() -> None:
    """A user namespace in which we are root, and a network namespace of its own. Raises OSError."""
    uid, gid = os.getuid(), os.getgid()
    if _LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1", "ascii")


def put_walls_up(walls: str) -> None:
    """Raises OSError or CalledProcessError; before that the network leads nowhere, since its device is down."""
    subprocess.run(["nft", "-f", "-"], input=walls.encode(), check=True, env=_TOOLS)


def main() -> None:
    """Takes everything from the command line."""
    walls, alive, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    try:
        tell, ready = start_carrier(alive)
        os.set_inheritable(alive, False)
        enter_network()
        put_walls_up(walls)
        os.write(tell, b"!")
        if not os.read(ready, 1):
            sys.exit("slirp4netns does not carry the cell's packets: try `slirp4netns --configure` by hand")
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"The cell gets no network: {error}")
    os.execvp(command[0], command)  # noqa: S606 - the sandbox, no shell


if __name__ == "__main__":
    main()
