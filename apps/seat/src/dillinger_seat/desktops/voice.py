"""The cell's microphone: what a player says goes through a FIFO to a part of the cell that plays it into the sound
server's null sink, whose monitor is the microphone.

The part runs only while somebody speaks. Nothing of it waits: what the sound server does not take in time is dropped,
and a microphone that fails is told once and tried again later, since the game goes on without it. (The server's own
`module-pipe-source` would make its FIFO itself, and gives recorders nothing while nobody speaks.)
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal

import structlog

from dillinger_contracts.errors import DillingerError
from dillinger_seat.cell.cell import Cell, Program
from dillinger_seat.cell.paths import CellPaths, SharedPaths

from .sound import VOICE_SINK, SoundServer

log = structlog.get_logger()

VOICE = "voice"
PIPE_BYTES = 8192
"""85 ms of 48 kHz mono."""
SILENT_S = 10.0
"""After so long without a word the part ends."""
_TURN_S = 1.0
"""So long after a word the microphone belongs to who said it."""
_AGAIN_S = 3.0


class Microphone:
    """Where players' voices go. Made before the cell, which `join` tells of; on the loop."""

    def __init__(self, shared: SharedPaths) -> None:
        os.mkfifo(shared.voice_fifo, 0o600)
        # For reading and writing: so writing never fails for want of a reader.
        self._fd = os.open(shared.voice_fifo, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._loop = asyncio.get_running_loop()
        self._home: tuple[Cell, CellPaths, SoundServer] | None = None
        self._speaker: int | None = None
        self._heard_s = 0.0
        self._run: asyncio.Task[None] | None = None

    def join(self, cell: Cell, paths: CellPaths, sound: SoundServer) -> None:
        """From now on voices go there."""
        self._home = (cell, paths, sound)

    def hear(self, speaker: int, pcm: bytes) -> None:
        """s16le, 48 kHz, mono; one speaker at a time."""
        now_s = self._loop.time()
        if self._home is None or (speaker != self._speaker and now_s < self._heard_s + _TURN_S):
            return
        self._speaker, self._heard_s = speaker, now_s
        if self._run is None or self._run.done():
            self._run = self._loop.create_task(self._play(*self._home), name="microphone")
        with contextlib.suppress(BlockingIOError):
            os.write(self._fd, pcm)

    async def close(self) -> None:
        """Ends what is under way; the part ends with its cell. Idempotent."""
        if self._run is not None:
            self._run.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._run
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    async def _play(self, cell: Cell, paths: CellPaths, sound: SoundServer) -> None:
        program = Program(
            argv=(
                "pacat", "--playback", "--raw", "--format=s16le", "--rate=48000", "--channels=1",
                "--latency-msec=40", f"--device={VOICE_SINK}", paths.voice_fifo,
            ),
            env=paths.environment | sound.variables,
            cwd="/",
        )  # fmt: skip
        try:
            part = await cell.run(VOICE, program)
            while not part.ended.done() and (left_s := self._heard_s + SILENT_S - self._loop.time()) > 0:
                await asyncio.wait([part.ended], timeout=left_s)
            if not part.ended.done():
                await cell.signal(VOICE, signal.SIGTERM)
                await asyncio.shield(part.ended)
                return
            log.warning("microphone_ended", how=str(part.ended.result()))
        except DillingerError as error:
            log.warning("microphone_failed", error=error.message)
        await asyncio.sleep(_AGAIN_S)
