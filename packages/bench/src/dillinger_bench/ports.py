"""Ports for programs that are told theirs before they start.

What the system hands out and gets back is somebody else's a moment later: every connection and every datagram socket of
the machine takes a port of the same range. These lie below it, where nobody gets one unasked.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import socket

from dillinger_contracts.errors import Exhausted

_FIRST, _COUNT = 20_000, 10_000
_numbers = itertools.count(secrets.randbelow(_COUNT))
"""Where other processes hardly look at the same time; and none is given twice here."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """One that nobody has at this moment, at any address; raises `Exhausted`."""
    for _ in range(_COUNT):
        port = _FIRST + next(_numbers) % _COUNT
        with contextlib.suppress(OSError), everywhere(port, kind):
            return port
    raise Exhausted("No port is free")


def everywhere(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A socket that has the port at every address of both kinds, 0 for any; raises `OSError` where somebody has it."""
    both = socket.socket(socket.AF_INET6, kind) if socket.has_dualstack_ipv6() else socket.socket(socket.AF_INET, kind)
    try:
        if both.family is socket.AF_INET6:
            both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("", port))
    except BaseException:
        both.close()
        raise
    return both
