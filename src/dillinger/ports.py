"""Whether the ports that we are about to use are free; asked before anything is started: so the answer is plain."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from dillinger_contracts.errors import Conflict, Denied, Invalid

from .apps import Listener


def ensure_free(listeners: Iterable[Listener]) -> None:
    """Binds and releases each; raises `Conflict`, `Denied` or `Invalid` that names the port and the way out."""
    for listener in listeners:
        if listener.port:
            _try(listener)


def _try(listener: Listener) -> None:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except socket.gaierror as error:
            raise Invalid(f"There is no address {listener.host} to listen on ({listener.what})") from error
        except OSError as error:
            where = f"port {listener.port} ({listener.what})"
            if error.errno == errno.EADDRINUSE:
                raise Conflict(
                    f"Another program uses {where} already: perhaps another Dillinger",
                    hint=f"Stop it, or choose another port: ./dillinger up {listener.option} {listener.port + 1}",
                ) from error
            if error.errno == errno.EACCES:
                raise Denied(
                    f"This user may not listen on {where}: ports below 1024 are for root",
                    hint=f"Choose a higher one: ./dillinger up {listener.option} 8443",
                ) from error
            raise Invalid(f"Can't listen on {listener.host} {where}: {error.strerror}") from error
