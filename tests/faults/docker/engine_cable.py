"""The way to a container engine as a cable that a test can cut: a unix socket that passes bytes on to the real one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path


class EngineCable:
    """A proxy at `path`; one thread with a loop of its own, ended by `close`."""

    def __init__(self, path: Path, target: str) -> None:
        self.path, self._target = path, target.removeprefix("unix://")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._thread.start()
        self.mend()

    def mend(self) -> None:
        """Engine and runner can talk."""
        self._do(self._listen())

    def cut(self) -> None:
        """Nobody answers any more, and who was being answered is hung up on."""
        self._do(self._hang_up())

    def close(self) -> None:
        """For good."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self.path.unlink(missing_ok=True)
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_unix_connection(self._target)
            ends = {writer, far_writer}
            self._open |= ends
            await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))
            self._open -= ends


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
