"""Serves one app on two listeners, https for everybody and http for this machine, in one process on one event loop.

Signals are ours, not uvicorn's: SIGTERM and SIGINT end event feeds and sockets first, so that nothing keeps the
process, then both listeners, and the exit code is 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from dillinger_contracts import Conflict, Invalid

from .api import build_app
from .app import open_core
from .relay import MOST_BROWSER_BYTES
from .settings import CoreSettings
from .splice import CONNECTION_EXTENSION, Close, Splice

_GRACE_S = 2
_GOODBYE_S = 0.2
_BACKLOG = 512

log = structlog.get_logger()


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def hang_up_idle(self) -> None:
        """Cuts connections on which nothing is being answered: a browser may take its time to say goodbye over TLS."""
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)  # of an HTTP connection; a WebSocket says goodbye by itself
            if hasattr(connection, "cycle") and (cycle is None or cycle.response_complete):
                connection.transport.abort()


class StreamProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, which an app may take over once it is accepted (see `splice`)."""

    _splice: Splice | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope = getattr(self, "scope", None)  # there is none where the handshake was refused
        if scope is not None:
            scope["extensions"][CONNECTION_EXTENSION] = self

    def splice_with(self, splice: Splice) -> None:
        """As `splice.Browser`. uvicorn's pings would fall into the middle of frames."""
        self._splice = splice
        self.stop_keepalive()

    def data_received(self, data: bytes) -> None:
        if self._splice is None:
            super().data_received(data)
        else:
            self._splice.from_browser(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._splice is not None:
            self._splice.hold_seat(is_held=True)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._splice is not None:
            self._splice.hold_seat(is_held=False)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._splice is not None:
            self._splice.browser_lost()

    def shutdown(self) -> None:
        if self._splice is None:
            super().shutdown()
        else:
            self._splice.finish(Close(1012, "the server restarts"))


@dataclass(frozen=True, slots=True)
class Listeners:
    """The bound sockets."""

    https: socket.socket
    http: socket.socket


def run(settings: CoreSettings) -> None:
    """Serves until a signal comes. Raises `Conflict` or `Invalid` when an address can't be had."""
    uvloop.run(serve(settings))


async def serve(settings: CoreSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    listeners = bind(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with open_core(settings) as core:
        app = build_app(core.parts)
        https = QuietServer(listener_config(app, core.tls, settings.trusted_proxies))
        http = QuietServer(listener_config(app, None, settings.trusted_proxies))
        async with asyncio.TaskGroup() as group:
            group.create_task(https.serve([listeners.https]))
            group.create_task(http.serve([listeners.http]))
            log.info(
                "listening",
                https_port=listeners.https.getsockname()[1],
                http_port=listeners.http.getsockname()[1],
                state_dir=str(settings.state_dir),
            )
            await stopping.wait()
            log.info("stopping")
            core.parts.feed.close()
            https.should_exit = http.should_exit = True
            await asyncio.sleep(_GOODBYE_S)
            https.hang_up_idle()
    log.info("stopped")


def listener_config(app: ASGIApp, tls: ssl.SSLContext | None, trusted_proxies: tuple[str, ...] = ()) -> uvicorn.Config:
    """How one listener is served; without `tls` it is plain http."""
    return uvicorn.Config(
        app,
        ws=StreamProtocol,
        ws_max_size=MOST_BROWSER_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )


def bind(settings: CoreSettings) -> Listeners:
    """Both sockets, before anything else is started."""
    https = _bind("https", settings.https_host, settings.https_port)
    try:
        return Listeners(https, _bind("http", settings.http_host, settings.http_port))
    except BaseException:
        https.close()
        raise


def _bind(name: str, host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Invalid(f"{host} is no address to listen on", field=f"core.{name}_host") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        hint = f"Set core.{name}_port (DILLINGER_CORE_{name.upper()}_PORT) to another one"
        if error.errno == errno.EADDRINUSE:
            raise Conflict(f"Port {port} on {host} is taken by another program", hint=hint) from error
        raise Invalid(f"Can't listen on {host}:{port}: {error.strerror}", hint=hint) from error
    return bound
