"""One message connection to a viewer's browser (through core's relay), as the hub sees it.

The only file of this package, beside the listener `program/server.py`, that knows the `websockets` library: it turns
its exceptions into `LinkClosed` and says with which options a server has to listen. Leaves to others what the messages
mean. Everything here runs on the asyncio loop.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.typing import Subprotocol

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.signaling import MAX_SIGNAL_BYTES, SUBPROTOCOL

CLOSE_TIMEOUT_S = 2.0
WRITE_LIMIT_BYTES = 32_768
"""A connection with more than this in its write buffer has no room."""
_MAX_REASON_BYTES = 123  # RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the code

SERVER_OPTIONS: dict[str, Any] = {
    "subprotocols": [Subprotocol(SUBPROTOCOL)],
    "compression": None,  # pictures are compressed already, deflating them costs milliseconds
    "max_size": MAX_SIGNAL_BYTES,
    "max_queue": 32,
    "write_limit": WRITE_LIMIT_BYTES,
    "close_timeout": CLOSE_TIMEOUT_S,
    "ping_interval": 5.0,
    "ping_timeout": 10.0,
}
"""For `websockets.asyncio.server.unix_serve` and its kin: the hub relies on them for its bounds."""


class LinkClosed(Unavailable):
    """The other side is gone, or the link was closed by us."""


class Link(Protocol):
    """What the hub needs of a connection. `send` may be slow: it returns when there is room again."""

    async def recv(self) -> str | bytes:
        """The next message; raises `LinkClosed`."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Sends text or bytes as one message; raises `LinkClosed`."""
        ...

    def send_now(self, message: bytes) -> bool:
        """Sends bytes as one message where there is room for them; False where `send` would wait, or raise."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Ends the connection within `CLOSE_TIMEOUT_S`; idempotent."""
        ...

    def backlog_bytes(self) -> int:
        """What was sent and has not left this process yet."""
        ...


class WebSocketLink:
    """A `Link` over an asyncio connection of `websockets` (either side)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def recv(self) -> str | bytes:
        """The next message; raises `LinkClosed`."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise LinkClosed(f"The connection ended: {error}") from error

    async def send(self, message: str | bytes) -> None:
        """Sends one message and waits until the write buffer has room; raises `LinkClosed`."""
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise LinkClosed(f"The connection ended: {error}") from error

    def send_now(self, message: bytes) -> bool:
        """Sends one message, where no more waits than fits."""
        connection = self._connection
        if connection.state is not State.OPEN or self.backlog_bytes() > WRITE_LIMIT_BYTES:
            return False
        connection.protocol.send_binary(message)
        connection.transport.writelines(connection.protocol.data_to_send())
        return True

    async def close(self, code: int, reason: str) -> None:
        """Closes politely, and by force when that takes too long."""
        short = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close(code, short)
        except TimeoutError:
            self._connection.transport.abort()

    def backlog_bytes(self) -> int:
        """What waits in this process's write buffer."""
        return self._connection.transport.get_write_buffer_size()
