"""Two connections made one: what a browser sends goes to its seat and back, byte by byte as it comes.

After the two handshakes a frame of the browser's is just what a seat expects of its client, and the other way around,
so nothing is taken apart and put together again: 720p60 video costs one write for each read. Only where frames begin is
followed (`frames`), so that a word of core's own fits in between. A side that does not read holds back the other by its
socket. On the loop; nothing here waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from dillinger_contracts.signaling import SUBPROTOCOL

from .frames import FrameMeter, TooLongError, close_frame, text_frame

CONNECTION_EXTENSION = "dillinger.connection"
"""The ASGI scope's extension in which our server shows its `Browser`."""
_MOST_HEAD_BYTES = 16 * 1024
_FAREWELL_S = 1.0
"""So long a browser may take to answer a close frame."""
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Close:
    """Why a stream is over, in the words of a close frame."""

    code: int
    reason: str = ""


SEAT_GONE = Close(4503, "the seat is gone")
TOO_LONG = Close(1009, "the message is too long")
LEFT = Close(1001)
"""What a seat is told of a browser that went without a word."""
SAID = Close(1000)
"""The seat has ended it, in words of its own."""


class Browser(Protocol):
    """The server's connection to a browser, once it is accepted."""

    transport: asyncio.Transport

    def splice_with(self, splice: Splice) -> None:
        """From now on what comes goes to `splice.from_browser`, and what happens is told to it."""
        ...


class Lane:
    """One direction: the connection that is written to, and where its frames begin."""

    def __init__(self, sink: asyncio.Transport, *, is_masked: bool, most_bytes: int) -> None:
        self.meter = FrameMeter(most_bytes)
        self.passes = self.held_ns = 0
        """How often something was passed on, and how long that took in all."""
        self._sink = sink
        self._is_masked = is_masked
        self._is_ended = False

    def pass_on(self, data: bytes) -> None:
        """Raises `TooLongError` instead of writing."""
        began_ns = time.perf_counter_ns()
        self.meter.feed(data)
        self._sink.write(data)
        self.held_ns += time.perf_counter_ns() - began_ns
        self.passes += 1

    def tell(self, text: str) -> bool:
        """A message of core's own; False in the middle of a frame, where none fits."""
        if self.meter.is_between and not self._is_ended:
            self._sink.write(text_frame(text, is_masked=self._is_masked))
            return True
        return False

    def end(self, close: Close) -> None:
        """A close frame, where none has passed; in the middle of a frame, where none fits, the connection is cut."""
        if not self.meter.is_between:
            self.cut()
        elif not (self._is_ended or self.meter.has_close):
            self._sink.write(close_frame(close.code, close.reason, is_masked=self._is_masked))
        self._is_ended = True

    def cut(self) -> None:
        """Closes the connection when what was written has left; at once in the middle of a frame."""
        if self.meter.is_between:
            self._sink.close()
        else:
            self._sink.abort()


class SeatEnd(asyncio.Protocol):
    """The connection to a seat: a WebSocket client's handshake, then bytes."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.splice: Splice | None = None
        self._handshake = ClientProtocol(parse_uri("ws://seat/"), subprotocols=[Subprotocol(SUBPROTOCOL)])
        self._head = bytearray()
        self._is_open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def opened(self) -> None:
        """Returns when the seat has agreed; raises `OSError` or `InvalidHandshake`."""
        await self._is_open

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks the seat to speak WebSocket."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own are no subclasses
        self._handshake.send_request(self._handshake.connect())
        self.transport.writelines(self._handshake.data_to_send())

    def data_received(self, data: bytes) -> None:
        """The seat's answer first, then its frames."""
        if self.splice is not None:
            self.splice.from_seat(data)
            return
        self._head += data
        if not self._is_open.done():
            self._read_answer()

    def pause_writing(self) -> None:
        """The seat does not read."""
        if self.splice is not None:
            self.splice.hold_browser(is_held=True)

    def resume_writing(self) -> None:
        """It reads again."""
        if self.splice is not None:
            self.splice.hold_browser(is_held=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The seat went."""
        if not self._is_open.done():
            self._is_open.set_exception(exc or ConnectionResetError("the seat hung up"))
        if self.splice is not None:
            self.splice.seat_lost()

    def early_bytes(self) -> bytes:
        """What came before anybody listened."""
        early = bytes(self._head)
        self._head.clear()
        return early

    def _read_answer(self) -> None:
        head, end, rest = self._head.partition(_HEAD_END)
        if not end:
            if len(head) > _MOST_HEAD_BYTES:
                self.transport.abort()
            return
        self._head = rest
        self._handshake.receive_data(bytes(head + end))
        self._handshake.events_received()
        fault = self._handshake.handshake_exc
        if fault is None:
            self.transport.pause_reading()  # what it says already waits until there is somebody to hear it
            self._is_open.set_result(None)
        else:
            known = isinstance(fault, InvalidHandshake)
            self._is_open.set_exception(fault if known else InvalidHandshake(str(fault)))
            self.transport.abort()


class Splice:
    """A browser and its seat, from the moment that both are open."""

    def __init__(self, browser: Browser, seat: SeatEnd, *, most_up_bytes: int, most_down_bytes: int) -> None:
        """Both connections are this one's from now on."""
        self._browser, self._seat = browser.transport, seat.transport
        self.up = Lane(seat.transport, is_masked=True, most_bytes=most_up_bytes)
        self.down = Lane(browser.transport, is_masked=False, most_bytes=most_down_bytes)
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Close] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        seat.splice = self
        browser.splice_with(self)
        early = seat.early_bytes()
        if early:
            self.from_seat(early)
        if seat.transport.is_closing():
            self.seat_lost()
        _hold(seat.transport, is_held=False)

    async def over(self) -> Close:
        """Why, once it is over."""
        return await asyncio.shield(self._over)

    async def gone(self) -> None:
        """Returns when the browser's connection is closed, which is cut when that takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await asyncio.shield(self._gone)
        self.down.cut()

    def finish(self, close: Close) -> None:
        """Core's own end of it; the first end counts."""
        if not self._over.done():
            self.down.end(close)
            self._end(close)

    def from_browser(self, data: bytes) -> None:
        """Bytes for the seat. After the end they are read, lest the kernel resets the connection, and forgotten."""
        try:
            if self._over.done():
                self.up.meter.feed(data)
                self._part()
            else:
                self.up.pass_on(data)
        except TooLongError:
            self.finish(TOO_LONG)

    def from_seat(self, data: bytes) -> None:
        """Bytes for the browser."""
        if self._over.done():
            return
        try:
            self.down.pass_on(data)
        except TooLongError:
            self.finish(SEAT_GONE)
            return
        if self.down.meter.has_close and self.down.meter.is_between:
            self._end(SAID)

    def browser_lost(self) -> None:
        """Its connection is closed."""
        if not self._gone.done():
            self._gone.set_result(None)
        self._end(LEFT)

    def seat_lost(self) -> None:
        """Its connection is closed."""
        self.finish(SEAT_GONE)

    def hold_browser(self, *, is_held: bool) -> None:
        """The seat does not read, or does again."""
        _hold(self._browser, is_held=is_held)

    def hold_seat(self, *, is_held: bool) -> None:
        """The browser does not read, or does again."""
        _hold(self._seat, is_held=is_held)

    def _end(self, close: Close) -> None:
        if self._over.done():
            return
        self._over.set_result(close)
        self.up.end(LEFT if close is SAID else close)
        self.up.cut()
        _hold(self._browser, is_held=False)
        self._part()

    def _part(self) -> None:
        """The server is the one who hangs up, once both have said goodbye."""
        if self.up.meter.has_close:
            self.down.cut()


def _hold(transport: asyncio.Transport, *, is_held: bool) -> None:
    if transport.is_closing():
        return
    if is_held:
        transport.pause_reading()
    else:
        transport.resume_reading()
