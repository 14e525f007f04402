"""A link that puts in what the kernel knows of its connection, ten times a second while something is sent.

The hub steers bitrate and transport by it. Behind core's relay core says it; here the browser's connection ends with
us. On the loop, with two tasks a link, which end with `close`.
"""

from __future__ import annotations

import asyncio
import contextlib

from dillinger_contracts.tcp_path import TcpCounters, TcpSocket, read_counters, report
from dillinger_stream.transport.link import Link, LinkClosed

_TELL_EVERY_S = 0.1
_MOST_WAITING = 16


class TellingLink:
    """A `Link` around another."""

    def __init__(self, link: Link, connection: TcpSocket) -> None:
        """`connection` is the socket below `link`."""
        self._link = link
        self._connection = connection
        self._messages: asyncio.Queue[str | bytes | LinkClosed] = asyncio.Queue(_MOST_WAITING)
        self._sent_bytes = 0
        self._tasks = (
            asyncio.create_task(self._receive(), name="link_receive"),
            asyncio.create_task(self._tell(), name="link_tell"),
        )

    async def recv(self) -> str | bytes:
        """The browser's next message, or the kernel's word; raises `LinkClosed`."""
        message = await self._messages.get()
        if isinstance(message, LinkClosed):
            raise message
        return message

    async def send(self, message: str | bytes) -> None:
        """Sends one message; raises `LinkClosed`."""
        self._sent_bytes += len(message)
        await self._link.send(message)

    def send_now(self, message: bytes) -> bool:
        """Sends one message where there is room for it."""
        is_sent = self._link.send_now(message)
        self._sent_bytes += len(message) if is_sent else 0
        return is_sent

    async def close(self, code: int, reason: str) -> None:
        """Ends the connection; idempotent."""
        self.stop()
        await self._link.close(code, reason)

    def stop(self) -> None:
        """Ends the link's tasks; idempotent."""
        for task in self._tasks:
            task.cancel()
        # Nobody receives any more: whoever waits for a message, or comes for one, has to hear of the end all the same.
        if self._messages.full():
            self._messages.get_nowait()
        self._messages.put_nowait(LinkClosed("The link was closed"))

    def backlog_bytes(self) -> int:
        """What was sent and has not left this process yet."""
        return self._link.backlog_bytes()

    async def _receive(self) -> None:
        try:
            while True:
                await self._messages.put(await self._link.recv())  # a flood waits in the browser's own socket
        except LinkClosed as closed:
            await self._messages.put(closed)

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        before, told_at_s, told_bytes = read_counters(self._connection), loop.time(), self._sent_bytes
        while before is not None:
            await asyncio.sleep(_TELL_EVERY_S)
            now_s, now = loop.time(), read_counters(self._connection)
            if now is None:
                return
            if self._sent_bytes != told_bytes or now.unsent_bytes:
                self._say(before, now, interval_s=now_s - told_at_s)
            before, told_at_s, told_bytes = now, now_s, self._sent_bytes

    def _say(self, before: TcpCounters, now: TcpCounters, *, interval_s: float) -> None:
        path = report(before, now, interval_s=interval_s, buffered_bytes=self._link.backlog_bytes())
        with contextlib.suppress(asyncio.QueueFull):  # the hub is busy with a flood: what it is not told is no loss
            self._messages.put_nowait(path.model_dump_json())
