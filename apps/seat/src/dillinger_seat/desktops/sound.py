"""The cell's sound server: PulseAudio with one sink that writes into a FIFO which the seat made and reads, and a
microphone that plays what `voice.py` gives it.

`module-pipe-sink` on the system clock needs no recorder beside the server, hands sound out within a few milliseconds,
and is suspended while nobody plays, so silence costs nothing (ADR 0003 has the figures). Its socket is made by the
cell's init and taken over by the server, so a game may connect before the server is up, and again after it was
restarted.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable

import structlog

from dillinger_contracts.errors import DillingerError
from dillinger_seat.cell.cell import Cell, Program
from dillinger_seat.cell.paths import CellPaths, SharedPaths

log = structlog.get_logger()

SOUND = "sound"
VOICE_SINK = "voice"
PIPE_BYTES = 16_384
"""85 ms of 48 kHz stereo: what is older than that when the seat stalls is dropped by the server, not delayed."""


class SoundFifo:
    """Where the sound comes out; it has to exist before the cell does."""

    def __init__(self, shared: SharedPaths) -> None:
        shared.sound_dir.mkdir(mode=0o755)
        os.mkfifo(shared.sound_fifo, 0o600)
        # For reading and writing: so it does not end with the server that writes it, who may be restarted.
        self.read_fd = os.open(shared.sound_fifo, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.fcntl(self.read_fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def take_read_fd(self) -> int:
        """Hands the FIFO over to who reads it from now on."""
        fd, self.read_fd = self.read_fd, -1
        return fd

    def close(self) -> None:
        """Frees it where it was not handed over."""
        if self.read_fd >= 0:
            os.close(self.read_fd)
            self.read_fd = -1


class SoundServer:
    """PulseAudio in the cell: started, and restarted once."""

    def __init__(self, cell: Cell, paths: CellPaths) -> None:
        self._cell = cell
        self._paths = paths
        self._state = paths.environment["XDG_RUNTIME_DIR"]

    @property
    def variables(self) -> dict[str, str]:
        """What a game needs to be heard."""
        return {"PULSE_SERVER": f"unix:{self._paths.sound_socket}", "PULSE_COOKIE": f"{self._state}/pulse-cookie"}

    async def start(self) -> None:
        """Starts the server; raises `PartFailed` or `Unavailable`."""
        protocol = f"auth-anonymous=1 auth-cookie-enabled=0 socket={self._paths.sound_socket}"
        # A device of class sound is what programs get that ask for none by name.
        sink = f"sink_name=speakers file={self._paths.sound_fifo} format=s16le sink_properties=device.class=sound"
        state = {"HOME": self._state, "PULSE_STATE_PATH": self._state, "PULSE_RUNTIME_PATH": self._state}
        await self._cell.run(
            SOUND,
            Program(
                argv=(
                    "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
                    "--disable-shm=yes", "--high-priority=no", "--realtime=no",
                    "--log-target=stderr", "--log-level=error",
                    f"--load=module-native-protocol-unix {protocol}",
                    f"--load=module-pipe-sink {sink} rate=48000 channels=2 use_system_clock_for_timing=yes",
                    f"--load=module-null-sink sink_name={VOICE_SINK} format=s16le rate=48000 channels=1",
                    f"--load=module-remap-source master={VOICE_SINK}.monitor source_name=microphone",
                    "--load=module-suspend-on-idle timeout=2",
                ),
                env=self._paths.environment | state,
                cwd="/",
                listen_path=self._paths.sound_socket,
            ),
        )  # fmt: skip

    async def keep(self, *, on_restarted: Callable[[str], None]) -> str:
        """Watches the server and restarts it once; returns when it is gone for good, with what happened."""
        how = await self._cell.parts[SOUND].ended
        if self._cell.ended.done():
            return f"The sound server {how}"
        log.warning("sound_server_ended", how=str(how))
        try:
            await self.start()
        except DillingerError as error:
            return error.message
        on_restarted(f"The sound server {how} and was started again")
        again = await self._cell.parts[SOUND].ended
        return f"The sound server {again}, for the second time"
