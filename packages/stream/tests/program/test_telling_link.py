"""A link that tells what the kernel knows: whoever reads from it hears of its end, whoever noticed that first."""

from __future__ import annotations

import asyncio
import socket

import pytest

from dillinger_stream.program.telling_link import TellingLink
from dillinger_stream.transport.link import LinkClosed

DEADLINE_S = 30.0


class SilentLink:
    """A browser that says these many messages, and then nothing."""

    def __init__(self, messages: int) -> None:
        self._left = messages
        self.closed_with: list[int] = []

    async def recv(self) -> str:
        if self._left == 0:
            await asyncio.get_running_loop().create_future()
        self._left -= 1
        return "word"

    async def send(self, message: str | bytes) -> None:
        raise LinkClosed("The connection ended")

    def send_now(self, message: bytes) -> bool:
        return False

    async def close(self, code: int, reason: str) -> None:
        self.closed_with.append(code)

    def backlog_bytes(self) -> int:
        return 0


@pytest.mark.parametrize("messages", [0, 3, 1000])
async def test_a_reader_hears_of_an_end_that_the_writer_noticed(messages: int) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        browser = SilentLink(messages)
        link = TellingLink(browser, connection)
        heard = 0

        async def read() -> None:
            nonlocal heard
            while True:
                await link.recv()
                heard += 1

        async with asyncio.timeout(DEADLINE_S):
            if messages < 1000:  # else nobody reads yet, and they pile up in front of the link
                reading = asyncio.create_task(read())
                while heard < messages:  # noqa: ASYNC110 - no event of the link's to wait for
                    await asyncio.sleep(0)
            else:
                while not link._messages.full():  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0)
                reading = asyncio.create_task(read())
            with pytest.raises(LinkClosed):
                await link.send(b"picture")
            await link.close(1000, "")
            with pytest.raises(LinkClosed):
                await reading
        assert browser.closed_with == [1000]
