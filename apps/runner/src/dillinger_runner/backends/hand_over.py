"""Hands a waiting seat its session: opens each folder as a mount of its own, and sends them by descriptor.

Run as `python -I -S hand_over.py`: a process of its own, since only one with a single thread may enter a user
namespace. Each line of standard input is an order, `{"socket": …, "text": …, "folders": [[path, is_read_only], …]}`, or
one without a socket, whose folders are opened and sent to nobody; each is answered by a line of standard output, `""`
or what is in the way, in JSON. The standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import sys
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_OPEN_TREE, _MOUNT_SETATTR = 428, 442
"""Numbers of these calls on every architecture."""
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, 0o2000000
_PATIENCE_S = 10.0
"""With a seat that does not take what it is sent."""
_RDONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8
_CLONE_NEWUSER, _CLONE_NEWNS = 0x10000000, 0x20000


def main() -> None:
    """Until nobody gives orders any more."""
    try:
        enter()
        problem = ""
    except OSError as error:
        problem = _words(error)
    for line in sys.stdin:
        print(json.dumps(problem or obey(json.loads(line))), flush=True)


def obey(order: dict[str, Any]) -> str:
    """Empty, or what is in the way."""
    descriptors: list[int] = []
    try:
        for path, is_read_only in order["folders"]:
            descriptors.append(open_mount(path, is_read_only=is_read_only))
        if order.get("socket"):
            hand(order["socket"], order["text"], descriptors)
    except OSError as error:
        return _words(error)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return ""


def enter() -> None:
    """To where this process may open mounts: root may here, others in a user namespace of their own."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        return
    if _LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNS):
        raise _failed("unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib would double the start
            file.write(text)


def open_mount(path: str, *, is_read_only: bool) -> int:
    """A descriptor of a mount that shows `path` and nothing above it; open_tree(2), mount_setattr(2)."""
    flags = ctypes.c_uint(_OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC)
    descriptor: int = _LIBC.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags)
    if descriptor < 0:
        raise _failed(path)
    attributes = _NOSUID | _NODEV | _NOEXEC | (_RDONLY if is_read_only else 0)
    wanted = struct.pack("QQQQ", attributes, 0, 0, 0)
    if _LIBC.syscall(_MOUNT_SETATTR, descriptor, b"", _AT_EMPTY_PATH, wanted, ctypes.c_size_t(len(wanted))):
        raise _failed(path)
    return descriptor


def hand(path: str, text: str, descriptors: list[int]) -> None:
    """Sends all, and waits until the seat has it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE_S)
        connection.connect(path)
        data = text.encode() + b"\n"
        sent = socket.send_fds(connection, [data], descriptors)
        connection.sendall(data[sent:])
        connection.shutdown(socket.SHUT_WR)
        if not connection.recv(1):
            raise OSError(errno.EPIPE, "the seat did not take it", path)


def _failed(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)


def _words(error: OSError) -> str:
    return f"{error.strerror or error}: {error.filename or ''}"


if __name__ == "__main__":
    main()
