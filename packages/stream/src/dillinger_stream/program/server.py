"""The listener: pages by HTTP and the stream by WebSocket on one port, with the library that carries the stream anyway.

It serves one page with a handful of files, so one response a connection is enough. Browsers' pages of other origins
get no stream; what opens it is the key in its first message, which the hub looks at. On the loop.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from dillinger_contracts.errors import Conflict, Invalid
from dillinger_contracts.pages import is_own_origin
from dillinger_stream.hub import StreamHub
from dillinger_stream.transport.link import SERVER_OPTIONS, WebSocketLink

from .settings import ServerSettings
from .telling_link import TellingLink
from .web import Answer, Pages

STREAM_PATH = "/stream"
"""Where the page looks for the stream."""
_BACKLOG = 64
_CLOSE_S = 0.5
"""The hub has seen its viewers off by then."""
_OPEN_TIMEOUT_S = 60.0
"""For a request, and for a whole file on a slow network."""
_MOST_CONNECTIONS = 128
"""At once, pages and streams together: the hub has its own, smaller limit."""


def listen(settings: ServerSettings) -> socket.socket:
    """A socket that listens where the settings say; raises `Conflict` where the port is taken, or `Invalid`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Invalid(f"{settings.host} is no address to listen at", field="server.host") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        hint = "Choose another with --port, or --port 0 for any free one"
        if error.errno == errno.EADDRINUSE:
            raise Conflict(f"Port {settings.port} of {settings.host} is taken by another program", hint=hint) from error
        why = os.strerror(error.errno or 0)
        raise Invalid(f"{settings.host}:{settings.port} can't be listened at: {why}", field="server.host") from error
    return bound


def tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """For https; None for http. Raises `Invalid`."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a passphrase is asked for nobody: there is nobody to answer.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        why = (
            os.strerror(error.errno or 0)
            if isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
            else error
        )
        raise Invalid(
            f"The certificate {settings.tls_cert} and its key {settings.tls_key} can't be used: {why}",
            field="server.tls_cert", hint="Both are PEM files, the key without a passphrase",
        ) from error  # fmt: skip
    return context


def address_of(settings: ServerSettings, port: int) -> str:
    """What a browser opens, without a key."""
    host = settings.host
    try:
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = socket.gethostname()
        elif address.version == 6:
            host = f"[{host}]"
    except ValueError:
        pass  # a name
    return f"{'https' if settings.tls_cert else 'http'}://{host}:{port}/"


class StreamServer:
    """Serves pages and the hub's stream."""

    def __init__(self, hub: StreamHub, pages: Pages, *, is_tls: bool) -> None:
        self._hub = hub
        self._pages = pages
        self._scheme = "https" if is_tls else "http"
        self._server: Server | None = None

    async def open(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Takes over `listener`."""
        self._server = await serve(
            self._stream, sock=listener, ssl=tls, process_request=self._request, server_header=None,
            open_timeout=_OPEN_TIMEOUT_S, **SERVER_OPTIONS,
        )  # fmt: skip

    async def close(self) -> None:
        """Ends every connection; idempotent."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close(close_connections=True)
        if server.handler_tasks:
            # Browsers connect ahead of what they may ask: who says nothing is not waited for.
            _, silent = await asyncio.wait(server.handler_tasks, timeout=_CLOSE_S)
            for task in silent:
                task.cancel()
        await server.wait_closed()

    async def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets the stream's handshake go on."""
        host = _header(request, "Host") or ""
        if len(connection.server.handler_tasks) > _MOST_CONNECTIONS:
            return _response(Answer(HTTPStatus.SERVICE_UNAVAILABLE, {}, b"Too many connections\n"))
        if request.path.partition("?")[0] != STREAM_PATH:
            takes_gzip = "gzip" in (_header(request, "Accept-Encoding") or "")
            return _response(
                await asyncio.to_thread(
                    self._pages.answer, request.method, request.path, host=host, takes_gzip=takes_gzip
                )
            )
        if not is_own_origin(_header(request, "Origin"), scheme=self._scheme, host=host):
            return _response(Answer(HTTPStatus.FORBIDDEN, {}, b"This page is of another site\n"))
        return None

    async def _stream(self, connection: ServerConnection) -> None:
        raw = connection.transport.get_extra_info("socket")
        link = TellingLink(WebSocketLink(connection), raw)
        try:
            await self._hub.serve(link)
        finally:
            link.stop()


def _header(request: Request, name: str) -> str | None:
    """All values of one header: two of those that may be there once make one that nobody takes for right."""
    return ", ".join(request.headers.get_all(name)) or None


def _response(answer: Answer) -> Response:
    own = {"connection": "close", "content-length": str(len(answer.body))}
    status = HTTPStatus(answer.status)
    return Response(status.value, status.phrase, Headers({**answer.headers, **own}), answer.body)
