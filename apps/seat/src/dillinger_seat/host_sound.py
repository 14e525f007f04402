"""What a game plays, out of this machine's own loudspeakers: `pacat` from the seat's pipe to the sound server here.

The game's sound server stays in its cell and knows nothing of the machine's. A player that ends, as with a sound server
that is restarted, is followed by another. On the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()

_RATE_HZ = 48_000
_LATENCY_MS = 30
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_STEADY_S = 10.0
"""A player that ran so long was a good one: the next pause is short again."""


class HostSound:
    """One session's."""

    def __init__(self, fifo: Path, server: str | None) -> None:
        """`fifo` is where the cell's sound comes out; `server` as PulseAudio's clients name it."""
        self._fifo = fifo
        self._environment = dict(os.environ) | ({"PULSE_SERVER": server} if server else {})

    async def keep(self, *, on_silent: Callable[[str], None]) -> None:
        """Plays until cancelled; `on_silent` is told once, where nothing plays it."""
        if shutil.which("pacat") is None:
            on_silent("There is no pacat here: install the package pulseaudio-utils")
            return
        loop = asyncio.get_running_loop()
        pause_s, is_told = _FIRST_PAUSE_S, False
        while True:
            began_s, error = loop.time(), None
            try:
                await self._play()
            except OSError as caught:  # a machine that has no process or descriptor left: as quiet as no sound server
                error = str(caught)
            was_steady = loop.time() - began_s >= _STEADY_S
            pause_s = _FIRST_PAUSE_S if was_steady else min(2 * pause_s, _LONGEST_PAUSE_S)
            log.warning("host_sound_ended", error=error, again_in_s=pause_s)
            if not (was_steady or is_told):
                on_silent("No sound server of this machine plays it")
                is_told = True
            await asyncio.sleep(pause_s)

    async def _play(self) -> None:
        """One player, until it ends."""
        # For reading alone: it comes to its end with the cell, whatever becomes of the seat.
        pipe = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            process = await asyncio.create_subprocess_exec(
                "pacat", "--playback", "--raw", "--format=s16le", f"--rate={_RATE_HZ}", "--channels=2",
                f"--latency-msec={_LATENCY_MS}", "--client-name=Dillinger", "--stream-name=game",
                env=self._environment, stdin=pipe,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            os.close(pipe)
        try:
            await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
