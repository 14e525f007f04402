"""A TCP port for a core on another machine: found among those that the runner allows, and told by a file.

A file, since a runner that was restarted has to know it too. Blocking, shortly.
"""

from __future__ import annotations

import errno
import os
import random
import socket
from pathlib import Path

from dillinger_contracts.errors import Exhausted, Unavailable
from dillinger_contracts.session import StreamListen

_BUFFER_BYTES = 256 * 1024
"""About what a unix socket holds. With the kernel's own choice, megabytes would wait here for a slow viewer."""
_BACKLOG = 16


def listening(where: StreamListen) -> socket.socket:
    """A socket that listens at one of the ports; raises `Exhausted` where all are taken, `Unavailable` for another
    reason."""
    ports = [0] if where.ports is None else list(range(where.ports.first, where.ports.last + 1))
    random.shuffle(ports)
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    for port in ports:
        try:
            listener = socket.create_server((where.host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise Unavailable(
                f"The seat can't listen at {where.host}: {os.strerror(error.errno or 0)}",
                hint="Is the runner's stream_host an address of this machine?",
            ) from error
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        return listener
    raise Exhausted(f"All stream ports of {where.host} ({where.ports}) are taken", hint="Widen stream_ports")


def write_port(file: Path, port: int) -> None:
    """Says which; whole or not at all."""
    draft = file.with_suffix(".new")
    draft.write_text(f"{port}\n")
    draft.rename(file)
