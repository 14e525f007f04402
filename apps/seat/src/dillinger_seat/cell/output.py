"""What a part of the cell prints: read from a pipe on the loop, kept in a bounded file, its last lines in memory.

A part that prints without end is slowed, not obeyed: at most `RATE_BYTES` are read a second.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()

FILE_BYTES = 1024 * 1024
RATE_BYTES = 1024 * 1024
TAIL_LINES = 20
_LINE_CHARS = 500
_CHUNK_BYTES = 65_536


class OutputLog:
    """The reading end of a pipe; `write_fd` is for the writer and is closed by `handed_over`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb", buffering=0)
        self._written = 0
        self._is_lost = False
        """Whether some of it could not be written."""
        self._read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read_fd, False)
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._partial = b""
        self._loop = asyncio.get_running_loop()
        self._quota = RATE_BYTES
        self._resume: asyncio.TimerHandle | None = None
        self._is_open = True
        self.on_line: Callable[[bytes], bool] | None = None
        """Hears each whole line as it is read, and says whether it is worth a place among the last ones."""
        self._loop.add_reader(self._read_fd, self._read)

    def handed_over(self) -> None:
        """The writer has its copy: closes ours, so that the pipe ends with the writer."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def tail(self) -> tuple[str, ...]:
        """The last lines, oldest first, everything read that is there to read."""
        if self._is_open:
            self._drain()
        last = [self._text(self._partial)] if self._partial.strip() else []
        return tuple([*self._lines, *last][-TAIL_LINES:])

    def close(self) -> None:
        """Reads what is left, frees everything; idempotent."""
        if not self._is_open:
            return
        self.handed_over()
        self._drain()
        self._is_open = False
        if self._resume:
            self._resume.cancel()
        self._loop.remove_reader(self._read_fd)
        os.close(self._read_fd)
        self._file.close()

    def _drain(self) -> None:
        for _ in range(FILE_BYTES // _CHUNK_BYTES):  # a writer may never pause
            if not self._take():
                break

    def _read(self) -> None:
        if not self._take():
            return
        if self._quota <= 0:
            self._loop.remove_reader(self._read_fd)
            self._resume = self._loop.call_later(1.0, self._go_on)

    def _go_on(self) -> None:
        self._quota = RATE_BYTES
        self._loop.add_reader(self._read_fd, self._read)

    def _take(self) -> bool:
        try:
            chunk = os.read(self._read_fd, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(self._read_fd)
            return False
        self._quota -= len(chunk)
        self._store(chunk)
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        self._partial = self._partial[-_CHUNK_BYTES:]
        if self.on_line is not None:
            lines = [line for line in lines if self.on_line(line[:_LINE_CHARS])]
        self._lines.extend(self._text(line) for line in lines[-TAIL_LINES:])
        return True

    def _store(self, chunk: bytes) -> None:
        """A disk that is full, or gone, takes no log; the last lines are kept all the same."""
        try:
            if self._written + len(chunk) > FILE_BYTES:
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                fresh = self._path.open("wb", buffering=0)
                self._file.close()
                self._file, self._written = fresh, 0
            self._file.write(chunk)
            self._written += len(chunk)
        except OSError as error:
            if not self._is_lost:
                self._is_lost = True
                log.warning("output_not_kept", file=self._path.name, error=str(error))

    @staticmethod
    def _text(line: bytes) -> str:
        text = line[:_LINE_CHARS].decode("utf-8", "replace").rstrip()
        return "".join(char if char.isprintable() or char == "\t" else "�" for char in text)
