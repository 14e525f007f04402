"""Carries a stream between a browser and its seat: opens the seat's socket and copies messages both ways, as they are.

720p60 video goes through here, so nothing is done per message but receive and send: no task, no copy, no look inside
(the seat checks ticket and contents). What it adds is the kernel's word on the browser's connection, ten times a
second. One message is on its way per direction; a slow browser holds back the seat's
socket, and the seat decides what to drop. Plain ASGI, since a framework's WebSocket object would cost more than the
copying. Owned by the event loop; four tasks a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from dillinger_contracts import DillingerError, StreamAddress, Unavailable
from dillinger_contracts.errors import problem_of
from dillinger_contracts.signaling import SUBPROTOCOL
from dillinger_contracts.tcp_path import read_counters, report

from .metrics import Metrics
from .settings import CoreSettings

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_OPEN_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 1.0
_WATCH_EVERY_S = 10.0
_QUEUED_FRAMES = 2
_BUFFER_BYTES = 256 * 1024
_PING_EVERY_S = 10.0
_PING_TIMEOUT_S = 20.0
_TELL_EVERY_S = 0.1
_GOING_AWAY = 1001
_SEAT_GONE = 4503
_DENIED = 4403
TRANSPORT_EXTENSION = "dillinger.transport"
"""The ASGI scope's extension in which our server shows the connection that carries a WebSocket."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Close:
    """Why a stream is over, in the words of a close frame."""

    code: int
    reason: str = ""


@dataclass(slots=True)
class _Traffic:
    """What went through, counted without locks on the one loop."""

    down_messages: int = 0
    down_bytes: int = 0
    up_messages: int = 0
    up_bytes: int = 0


class Relay:
    """Opens and copies streams."""

    def __init__(
        self, settings: CoreSettings, address_of: Callable[[str], Awaitable[StreamAddress]], metrics: Metrics
    ) -> None:
        self._address_of = address_of
        self._metrics = metrics
        self._idle_s = settings.relay_idle_timeout_s
        self._max_bytes = settings.relay_message_bytes

    async def run(
        self,
        session_id: str,
        receive: Receive,
        send: Send,
        *,
        is_still_allowed: Callable[[], Awaitable[bool]],
        over: asyncio.Event | None = None,
        transport: asyncio.Transport | None = None,
    ) -> None:
        """Accepts the browser's socket, whose user may see this session, and copies until either side ends.

        `over` fires when its user may not any more; `transport` is the browser's connection, where it is known.
        """
        try:
            seat = await self.open_seat(session_id)
        except DillingerError as error:
            # A refusal before the accept would reach the browser without its reason.
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            await send({"type": "websocket.close", "code": problem_of(error).close_code, "reason": error.message[:120]})
            return
        self._metrics.relays.inc()
        traffic = _Traffic()
        try:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            watch = self._watch(traffic, is_still_allowed, over or asyncio.Event())
            close = await self._copy(seat, receive, send, traffic, watch, transport)
        finally:
            self._count(traffic)
            self._metrics.relays.dec()
            await seat.close(_GOING_AWAY)
        log.info("stream_closed", session_id=session_id, code=close.code, down_bytes=traffic.down_bytes)

    async def open_seat(self, session_id: str) -> ClientConnection:
        """The signaling socket of this session's seat; raises what `address_of` does, and `Unavailable`."""
        address = await self._address_of(session_id)
        options: dict[str, Any] = {
            "subprotocols": [Subprotocol(SUBPROTOCOL)],
            "compression": None,
            "user_agent_header": None,
            "open_timeout": _OPEN_TIMEOUT_S,
            "close_timeout": _CLOSE_TIMEOUT_S,
            "max_size": self._max_bytes,
            "max_queue": _QUEUED_FRAMES,
        }
        try:
            if address.unix_path is not None:
                # The browser's side is pinged; a seat that dies takes its unix socket with it.
                return await unix_connect(address.unix_path, ping_interval=None, **options)
            if address.host is not None and address.port is not None:
                return await _connect(address.host, address.port, options)
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise Unavailable(f"The seat can't be reached ({type(error).__name__})") from error
        raise Unavailable("The runner does not say where the seat listens")

    async def _copy(
        self,
        seat: ClientConnection,
        receive: Receive,
        send: Send,
        traffic: _Traffic,
        watching: Coroutine[Any, Any, Close],
        transport: asyncio.Transport | None,
    ) -> Close:
        down = asyncio.create_task(_copy_down(seat, send, traffic))
        up = asyncio.create_task(_copy_up(seat, receive, traffic))
        watch = asyncio.create_task(watching)
        tasks = (down, up, watch)
        telling = asyncio.create_task(_tell_path(seat, transport, traffic))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, telling):
                task.cancel()
            await asyncio.wait((*tasks, telling))
        if up.done() and not up.cancelled() and (left := up.result()) is not None:
            await seat.close(left.code, left.reason)
            return left
        over = watch if watch.done() and not watch.cancelled() else down
        close = over.result() if not over.cancelled() else Close(_GOING_AWAY)
        await send({"type": "websocket.close", "code": close.code, "reason": close.reason})
        return close

    async def _watch(
        self, traffic: _Traffic, is_still_allowed: Callable[[], Awaitable[bool]], over: asyncio.Event
    ) -> Close:
        """Ends when nothing was said for too long, or when the login or the invitation is over."""
        loop = asyncio.get_running_loop()
        seen, quiet_since_s = (-1, -1), loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_WATCH_EVERY_S, self._idle_s or _WATCH_EVERY_S)):
                    await over.wait()
                    return Close(_DENIED, "the invitation is over")
            now = (traffic.down_messages, traffic.up_messages)
            if now != seen:
                seen, quiet_since_s = now, loop.time()
            elif self._idle_s and loop.time() - quiet_since_s >= self._idle_s:
                return Close(_GOING_AWAY, "nothing was said for too long")
            if not await is_still_allowed():
                return Close(_DENIED, "the login is over")

    def _count(self, traffic: _Traffic) -> None:
        self._metrics.relayed_bytes.labels("down").inc(traffic.down_bytes)
        self._metrics.relayed_bytes.labels("up").inc(traffic.up_bytes)
        self._metrics.relayed_messages.labels("down").inc(traffic.down_messages)
        self._metrics.relayed_messages.labels("up").inc(traffic.up_messages)


async def _connect(host: str, port: int, options: dict[str, Any]) -> ClientConnection:
    """To a seat on another machine, which may vanish without a word."""
    seat = await connect(
        "ws://seat/", host=host, port=port, proxy=None,
        ping_interval=_PING_EVERY_S, ping_timeout=_PING_TIMEOUT_S, **options,
    )  # fmt: skip
    connection: socket.socket = seat.transport.get_extra_info("socket")
    # As little as a unix socket holds: with the kernel's own choice, megabytes would wait here for a slow browser.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    return seat


async def _copy_down(seat: ClientConnection, send: Send, traffic: _Traffic) -> Close:
    """Seat → browser, until the seat closes."""
    recv = seat.recv
    try:
        while True:
            message = await recv()
            await send({"type": "websocket.send", "bytes" if type(message) is bytes else "text": message})
            traffic.down_messages += 1
            traffic.down_bytes += len(message)
    except ConnectionClosed as error:
        frame = error.rcvd
        if frame is None or frame.code in (1005, 1006):
            return Close(_SEAT_GONE, "the seat is gone")
        return Close(frame.code, frame.reason)


async def _copy_up(seat: ClientConnection, receive: Receive, traffic: _Traffic) -> Close | None:
    """Browser → seat, until the browser leaves; None when the seat was gone first."""
    try:
        while True:
            event = await receive()
            message = event.get("bytes")
            if message is None:
                message = event.get("text")
            if message is None:
                return Close(_sendable(event.get("code")), event.get("reason") or "")
            await seat.send(message)
            traffic.up_messages += 1
            traffic.up_bytes += len(message)
    except ConnectionClosed:
        return None


async def _tell_path(seat: ClientConnection, transport: asyncio.Transport | None, traffic: _Traffic) -> None:
    """Tells the seat how the browser's connection does, while something goes through."""
    connection = transport.get_extra_info("socket") if transport is not None else None
    if transport is None or connection is None or (before := read_counters(connection)) is None:
        return
    loop = asyncio.get_running_loop()
    told_at_s, told_bytes = loop.time(), traffic.down_bytes
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            now_s, now = loop.time(), read_counters(connection)
            if now is None:
                return
            if traffic.down_bytes != told_bytes or now.unsent_bytes:
                buffered = transport.get_write_buffer_size()
                path = report(before, now, interval_s=now_s - told_at_s, buffered_bytes=buffered)
                await seat.send(path.model_dump_json())
            before, told_at_s, told_bytes = now, now_s, traffic.down_bytes


def _sendable(code: int | None) -> int:
    """`code` if RFC 6455 lets an endpoint send it, else "going away"."""
    is_sendable = code is not None and (code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code < 5000)
    return code if code is not None and is_sendable else _GOING_AWAY
