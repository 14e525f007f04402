"""One UDP port for all viewers of a stream, so that a firewall or a container engine has one port to let through.

A socket for each address of the machine. Who a datagram is for is told by the ICE user name of a connectivity check
(RFC 8445 section 7.3), and for all else by where it comes from: an address is a viewer's once the viewer's own ICE
agent has answered it, or was answered by it. Both are read off what that agent sends, so a stranger gets no further
than one parsed check. Knows nothing of the agents but that they are asyncio datagram protocols. Runs on the loop.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
from collections import OrderedDict
from typing import Any, cast

import structlog

from dillinger_contracts.ice import PortRange

log = structlog.get_logger()

Address = tuple[Any, ...]

BUFFER_BYTES = 1 << 20
MAX_ADDRESSES = 64
"""Of one viewer: each network of a browser's machine, times each of ours, and changes."""
MAX_ASKED = 512
_MAGIC = b"\x21\x12\xa4\x42"
_HEADER_BYTES = 20
_REQUEST, _SUCCESS = b"\x00\x01", b"\x01\x01"
_USERNAME = 0x0006


class UdpPort:
    """The sockets of one stream; each is there while a viewer uses it."""

    def __init__(self, ports: PortRange | None = None) -> None:
        """Within `ports`; where there are none, the kernel chooses."""
        self._ports = ports
        self._number: int | None = None
        self._sockets: dict[str, _Socket] = {}
        self._closing: set[asyncio.Future[None]] = set()
        self._opening = asyncio.Lock()

    async def join(self, address: str, user: str, agent: asyncio.DatagramProtocol) -> None:
        """`agent`, known to others by the ICE user name `user`, gets a transport of its own at `address`.

        Raises OSError where no port is to be had there.
        """
        async with self._opening:
            if (shared := self._sockets.get(address)) is None:
                shared = self._sockets[address] = await self._open(address)
            place = _Place(self, shared, user, agent)
            shared.places[user] = place
        agent.connection_made(place)

    async def _open(self, address: str) -> _Socket:
        loop = asyncio.get_running_loop()
        if self._closing:
            await asyncio.wait(self._closing)  # the port may be the only one
        for number in self._numbers():
            try:
                transport, shared = await loop.create_datagram_endpoint(
                    lambda: _Socket(address), local_addr=(address, number)
                )
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self._number = transport.get_extra_info("sockname")[1]
            return shared
        log.warning("media_ports_taken", address=address, ports=str(self._ports))
        raise OSError(errno.EADDRINUSE, f"All media ports ({self._ports}) of {address} are taken")

    def _numbers(self) -> list[int]:
        """The one that was ours before is tried first: viewers' firewalls know it."""
        before = [] if self._number is None else [self._number]
        if self._ports is None:
            return [*before, 0]
        others = [number for number in range(self._ports.first, self._ports.last + 1) if number not in before]
        start = random.randrange(len(others)) if others else 0  # noqa: S311 - spreads seats, hides nothing
        return before + others[start:] + others[:start]

    def leave(self, place: _Place) -> None:
        """`place` gets nothing more; the last one closes the socket."""
        shared = place.shared
        shared.places.pop(place.user, None)
        shared.forget(place)
        if not shared.places and self._sockets.get(shared.address) is shared:
            del self._sockets[shared.address]
            self._closing.add(shared.closed)
            shared.closed.add_done_callback(self._closing.discard)
            shared.transport.abort()


class _Socket(asyncio.DatagramProtocol):
    """One bound address and those who share it."""

    transport: asyncio.DatagramTransport

    def __init__(self, address: str) -> None:
        self.address = address
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.places: dict[str, _Place] = {}
        self.routes: dict[tuple[str, int], _Place] = {}
        self.asked: OrderedDict[bytes, _Place] = OrderedDict()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        place = self._addressee(data, (addr[0], addr[1]))
        if place is not None:
            place.agent.datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """An unreachable viewer; ICE finds out by itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        for place in list(self.places.values()):
            place.close()
        self.closed.set_result(None)

    def sent(self, place: _Place, data: bytes, to: tuple[str, int]) -> None:
        """Learns from a message of `place` whom it speaks with."""
        if not _is_stun(data):
            return
        if data[:2] == _REQUEST:
            self.asked[data[8:_HEADER_BYTES]] = place
            if len(self.asked) > MAX_ASKED:
                self.asked.popitem(last=False)
        elif data[:2] == _SUCCESS:
            self._route(place, to)

    def forget(self, place: _Place) -> None:
        """Nothing leads to `place` any more."""
        self.routes = {address: other for address, other in self.routes.items() if other is not place}
        self.asked = OrderedDict((key, other) for key, other in self.asked.items() if other is not place)

    def _addressee(self, data: bytes, source: tuple[str, int]) -> _Place | None:
        if not _is_stun(data):
            return self.routes.get(source)
        if data[:2] == _REQUEST:
            return self.places.get(_asked_user(data))
        place = self.asked.pop(data[8:_HEADER_BYTES], None)
        if place is not None and data[:2] == _SUCCESS:
            self._route(place, source)
        return place

    def _route(self, place: _Place, address: tuple[str, int]) -> None:
        if address not in self.routes and place.addresses < MAX_ADDRESSES:
            place.addresses += 1
            self.routes[address] = place


class _Place(asyncio.DatagramTransport):
    """One agent's part of a socket: the transport that it believes to have alone."""

    def __init__(self, port: UdpPort, shared: _Socket, user: str, agent: asyncio.DatagramProtocol) -> None:
        super().__init__()
        self.shared, self.user, self.agent = shared, user, agent
        self.addresses = 0
        self._port = port
        self._is_closed = False

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        """Sends at once, as the real transport does."""
        if self._is_closed or not isinstance(addr, tuple):
            return
        self.shared.sent(self, bytes(data[:_HEADER_BYTES]), (addr[0], addr[1]))
        self.shared.transport.sendto(data, addr)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the shared socket."""
        return self.shared.transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def close(self) -> None:
        """Leaves the socket to the others."""
        if not self._is_closed:
            self._is_closed = True
            self._port.leave(self)
            asyncio.get_running_loop().call_soon(self.agent.connection_lost, None)

    abort = close


def _is_stun(data: bytes) -> bool:
    return len(data) >= _HEADER_BYTES and data[0] < 4 and data[4:8] == _MAGIC


def _asked_user(data: bytes) -> str:
    """Whom a check is for: the part of its user name before the colon (RFC 8445 section 7.2.2); empty for none."""
    at = _HEADER_BYTES
    while at + 4 <= len(data):
        kind, length = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == _USERNAME:
            return data[at + 4 : at + 4 + length].partition(b":")[0].decode("ascii", "replace")
        at += 4 + length + -length % 4
    return ""
