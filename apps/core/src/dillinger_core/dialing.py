"""Connections to seats, in messages or in bytes: by the unix socket of this machine or by TCP to another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol

from dillinger_contracts import StreamAddress, Unavailable
from dillinger_contracts.signaling import SUBPROTOCOL

from .splice import SeatEnd

_OPEN_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 1.0
_QUEUED_FRAMES = 2
_BUFFER_BYTES = 256 * 1024
_PROBE_AFTER_S, _PROBE_EVERY_S, _PROBES, _UNACKED_MS = 10, 5, 3, 20_000


class Dialer:
    """Reaches the seat of a session. Raises what `address_of` does, and `Unavailable`."""

    def __init__(self, address_of: Callable[[str], Awaitable[StreamAddress]], *, most_bytes: int) -> None:
        """`most_bytes` may one message of a seat have."""
        self._address_of = address_of
        self.most_bytes = most_bytes

    async def connect(self, session_id: str) -> ClientConnection:
        """For a conversation of core's own."""
        address = await self._address_of(session_id)
        options: dict[str, Any] = {
            "subprotocols": [Subprotocol(SUBPROTOCOL)],
            "compression": None,
            "user_agent_header": None,
            "open_timeout": _OPEN_TIMEOUT_S,
            "close_timeout": _CLOSE_TIMEOUT_S,
            "max_size": self.most_bytes,
            "max_queue": _QUEUED_FRAMES,
            "ping_interval": None,  # a seat that dies takes its socket with it, and the kernel watches a far one's
        }
        async with _told():
            if address.unix_path is not None:
                return await unix_connect(address.unix_path, **options)
            host, port = _far(address)
            seat = await connect("ws://seat/", host=host, port=port, proxy=None, **options)
            _prepare_far(seat.transport)
            return seat

    async def connect_raw(self, session_id: str) -> SeatEnd:
        """For a splice: the handshake is done, and nothing is read until there is somebody to hear it."""
        address = await self._address_of(session_id)
        loop = asyncio.get_running_loop()
        async with _told(), asyncio.timeout(_OPEN_TIMEOUT_S):
            if address.unix_path is not None:
                _, seat = await loop.create_unix_connection(SeatEnd, address.unix_path)
            else:
                _, seat = await loop.create_connection(SeatEnd, *_far(address))
                _prepare_far(seat.transport)
            try:
                await seat.opened()
            except BaseException:
                seat.transport.abort()
                raise
            return seat


@contextlib.asynccontextmanager
async def _told() -> AsyncIterator[None]:
    try:
        yield
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise Unavailable(f"The seat can't be reached ({type(error).__name__})") from error


def notice_death(transport: asyncio.BaseTransport) -> None:
    """From now on the kernel closes a TCP connection whose other end has vanished without a word."""
    connection = socket_of(transport)
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_EVERY_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKED_MS),
    ):
        connection.setsockopt(level, option, value)


def socket_of(transport: asyncio.BaseTransport) -> socket.socket:
    """The connection's own, or uvloop's stand-in for it."""
    connection: socket.socket = transport.get_extra_info("socket")
    return connection


def _far(address: StreamAddress) -> tuple[str, int]:
    if address.host is None or address.port is None:
        raise Unavailable("The runner does not say where the seat listens")
    return address.host, address.port


def _prepare_far(transport: asyncio.BaseTransport) -> None:
    notice_death(transport)
    # As little as a unix socket holds: with the kernel's own choice, megabytes would wait here for a slow browser.
    socket_of(transport).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
