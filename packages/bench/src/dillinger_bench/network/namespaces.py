"""Linux namespaces by system call, for a process that has one thread: make them, enter them, hand capabilities down.

Python 3.11 has no `os.unshare`. A user namespace gives an ordinary user the right to make networks; the user stays who
he is (mapped to himself), since Dillinger's parts are not to think that they run as root.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dillinger_contracts.errors import Unsupported

NEW_USER = 0x10000000
NEW_NET = 0x40000000
_PR_CAP_AMBIENT, _RAISE, _CLEAR_ALL = 47, 2, 4
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare_user_and_net() -> None:
    """This process gets a user namespace and a network of its own; raises `Unsupported` where that is not allowed."""
    uid, gid = os.getuid(), os.getgid()
    try:
        _check(_libc.unshare(NEW_USER | NEW_NET), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError as error:
        raise Unsupported(
            f"No user namespaces with a network of their own here ({error})",
            hint="Allow unprivileged user namespaces (sysctl user.max_user_namespaces; on Ubuntu "
            "kernel.apparmor_restrict_unprivileged_userns=0)",
        ) from error


def new_network() -> int:
    """Moves this process into a new network and returns a descriptor of it."""
    _check(_libc.unshare(NEW_NET), "unshare")
    return own_network()


def own_network() -> int:
    """A descriptor of the network that this process is in."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter(descriptor: int) -> None:
    """Moves this process into the namespace behind `descriptor`."""
    _check(_libc.setns(descriptor, 0), "setns")


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


@contextmanager
def capabilities_handed_down() -> Iterator[None]:
    """Programs that are started within keep this process's capabilities (capabilities(7), ambient set)."""
    header, sets = _Header(_CAPABILITY_VERSION_3, 0), (_Sets * 2)()
    _check(_libc.capget(ctypes.byref(header), ctypes.byref(sets)), "capget")
    for half in sets:
        half.inheritable = half.permitted
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(sets)), "capset")
    for number in range(64):
        if sets[number // 32].permitted >> number % 32 & 1:
            _check(_libc.prctl(_PR_CAP_AMBIENT, _RAISE, number, 0, 0), "prctl")
    try:
        yield
    finally:
        hand_down_nothing()


def hand_down_nothing() -> None:
    """What is started from now on by an ordinary user has no capabilities."""
    _check(_libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0), "prctl")
