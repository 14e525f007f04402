"""What the machine plays: `parec` on the monitor of its PulseAudio (or PipeWire's stand-in for it), into a pipe.

It records only while somebody listens, so that an unwatched desktop costs nothing and shows no sign of recording. The
pipe is ours at both ends: a recorder that ends, as with a sound server that is restarted, is followed by another. On
the loop; the sound pipeline reads on a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Mapping

import structlog

from dillinger_contracts.errors import DillingerError, Unavailable
from dillinger_stream.frames import SoundPacket
from dillinger_stream.sound.pipeline import RATE_HZ, SoundPipeline

log = structlog.get_logger()

DEFAULT_MONITOR = "@DEFAULT_MONITOR@"
_PROBE_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_STEADY_S = 10.0
"""A recorder that ran so long was a good one: the next pause is short again."""
_LATENCY_MS = 10


async def probe(environment: Mapping[str, str]) -> None:
    """Raises `Unavailable` with what is missing where nothing can be recorded."""
    if any(shutil.which(name, path=environment.get("PATH")) is None for name in ("pactl", "parec")):
        raise Unavailable("There is no pactl and parec here", hint="Install the package pulseaudio-utils")
    process = await asyncio.create_subprocess_exec(
        "pactl", "info", env=dict(environment), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_PROBE_S):
            is_there = await process.wait() == 0
    except TimeoutError:
        is_there = False
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if not is_there:
        raise Unavailable("No sound server answers", hint="Run it as the user who is logged in to the desktop")


class MachineSound:
    """The recorder and the pipeline behind it; to the hub it is a `Sound`."""

    def __init__(
        self,
        source: str | None,
        environment: Mapping[str, str],
        *,
        on_packet: Callable[[SoundPacket], None],
        on_failed: Callable[[DillingerError], None],
    ) -> None:
        """The callbacks come on the pipeline's thread."""
        self._source = source or DEFAULT_MONITOR
        self._environment = dict(environment)
        read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC)
        self._pipeline = SoundPipeline(read_fd, on_packet=on_packet, on_failed=on_failed, is_paused=True)
        self._is_wanted = asyncio.Event()
        self._is_unwanted = asyncio.Event()
        self._is_unwanted.set()

    def start(self) -> None:
        """Starts the pipeline; `keep` has to run beside it."""
        self._pipeline.start()

    def pause(self) -> None:
        """Nobody listens."""
        self._is_wanted.clear()
        self._is_unwanted.set()
        self._pipeline.pause()

    def resume(self) -> None:
        """Somebody listens."""
        self._is_unwanted.clear()
        self._is_wanted.set()
        self._pipeline.resume()

    async def keep(self) -> None:
        """Records while somebody listens, until cancelled."""
        loop = asyncio.get_running_loop()
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._is_wanted.wait()
            began_s = loop.time()
            await self._record()
            if self._is_unwanted.is_set():
                continue
            pause_s = _FIRST_PAUSE_S if loop.time() - began_s >= _STEADY_S else min(2 * pause_s, _LONGEST_PAUSE_S)
            log.warning("recorder_ended", source=self._source, again_in_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _record(self) -> None:
        """One recorder, until it ends or nobody listens."""
        process = await asyncio.create_subprocess_exec(
            "parec", "--device", self._source, "--format=s16le", f"--rate={RATE_HZ}", "--channels=2", "--raw",
            f"--latency-msec={_LATENCY_MS}", "--client-name=dillinger-stream",
            env=self._environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=self._write_fd, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        unwanted = asyncio.create_task(self._is_unwanted.wait())
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait((unwanted, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            unwanted.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await ended

    async def close(self) -> None:
        """After `keep` was cancelled; idempotent."""
        await asyncio.to_thread(self._pipeline.stop)
        if self._write_fd >= 0:
            os.close(self._write_fd)
            self._write_fd = -1
