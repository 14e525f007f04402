"""The sound pipeline: PCM from a pipe → Opus packets, on a thread of its own.

Whoever records writes all the time, silence too. After a second of digital silence no packets are made, and the
pipe is read in larger steps, until the first sample that is not zero. What has piled up in the pipe (after a pause,
or when this thread came late) is skipped: sound that is late is worth nothing. The callbacks run on this thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import termios
import threading
import time
from collections.abc import Callable

import av
import structlog
from av.audio.codeccontext import AudioCodecContext

from dillinger_contracts.errors import DillingerError, Internal, Unavailable
from dillinger_stream.frames import SoundPacket

log = structlog.get_logger()

RATE_HZ = 48_000
_FRAME_BYTES = 4
PACKET_MS = 10
_PACKET_SAMPLES = RATE_HZ * PACKET_MS // 1000
_PACKET_BYTES = _PACKET_SAMPLES * _FRAME_BYTES
_SILENCE = bytes(_PACKET_BYTES)
_SILENT_AFTER_PACKETS = 1000 // PACKET_MS
_NAP_S = 0.04
"""How often a silent pipe is looked at: the first sound after silence comes up to this much later, once."""
_MOST_BACKLOG_BYTES = 8 * _PACKET_BYTES
_KEPT_BACKLOG_BYTES = 2 * _PACKET_BYTES
_PIPE_BYTES = 16_384
"""85 ms: what a slow reader can fall behind at most."""
_STOP_S = 2.0


class SoundPipeline:
    """Owns `read_fd` (s16le, 48 kHz, stereo) and closes it.

    Every method may be called from any thread; only `stop` waits.
    """

    def __init__(
        self,
        read_fd: int,
        *,
        on_packet: Callable[[SoundPacket], None],
        on_failed: Callable[[DillingerError], None],
        bitrate_bps: int = 128_000,
        is_paused: bool = False,
    ) -> None:
        """`on_failed` is the pipeline's last word: the writer has gone, or Opus failed."""
        self._read_fd = read_fd
        self._on_packet = on_packet
        self._on_failed = on_failed
        self._bitrate_bps = bitrate_bps
        self._is_paused = is_paused
        self._is_stopping = False
        self._is_closed = False
        self._lock = threading.Lock()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._main, name="sound", daemon=True)
        self._poll = select.poll()
        self._poll.register(self._wake_fd, select.POLLIN)
        self._pending = b""
        self._silent_packets = 0
        self._sequence = 0
        self._pts = 0

    def start(self) -> None:
        """Starts the thread."""
        os.set_blocking(self._read_fd, False)
        with contextlib.suppress(OSError):  # a larger pipe only means that more is skipped after a pause
            fcntl.fcntl(self._read_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and waits for it; idempotent, and fine before `start`."""
        self._is_stopping = True
        self._wake()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(_STOP_S)
        with self._lock:
            if not self._is_closed and not self._thread.is_alive():
                self._is_closed = True
                os.close(self._wake_fd)
                os.close(self._read_fd)

    def pause(self) -> None:
        """Nothing is read until `resume`."""
        self._is_paused = True
        self._wake()

    def resume(self) -> None:
        """Goes on with what is recorded from now on."""
        self._is_paused = False
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if not self._is_closed:
                os.eventfd_write(self._wake_fd, 1)

    def _main(self) -> None:
        try:
            codec = self._open_codec()
            self._poll.register(self._read_fd, select.POLLIN)
            while not self._is_stopping:
                self._step(codec)
        except DillingerError as error:
            self._on_failed(error)
        except Exception as error:  # the thread's supervision point: whatever it was ends the sound by name
            log.exception("sound_pipeline_broke")
            self._on_failed(Internal(f"The sound pipeline broke: {error!r}"))

    def _open_codec(self) -> AudioCodecContext:
        try:
            codec = av.CodecContext.create("libopus", "w")
            assert isinstance(codec, AudioCodecContext)
            codec.sample_rate, codec.layout, codec.format = RATE_HZ, "stereo", "s16"
            codec.bit_rate = self._bitrate_bps
            codec.options = {"application": "lowdelay", "frame_duration": str(PACKET_MS), "vbr": "on"}
            codec.open()
        except (av.FFmpegError, ValueError) as error:
            raise Unavailable(f"Opus can't be opened: {error}", hint="Install PyAV's own wheel") from error
        return codec

    def _step(self, codec: AudioCodecContext) -> None:
        """Waits for sound, and encodes what there is."""
        if self._is_paused:
            self._wait_for_wake(None)
            if not self._is_paused:
                self._skip_to(_KEPT_BACKLOG_BYTES)
            return
        if self._silent_packets >= _SILENT_AFTER_PACKETS:
            self._wait_for_wake(_NAP_S)
        if any(fd == self._wake_fd for fd, _ in self._poll.poll()):
            self._wait_for_wake(0)
            return  # a new wish first
        self._skip_to(_MOST_BACKLOG_BYTES, keep=_KEPT_BACKLOG_BYTES)
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._read_fd, _MOST_BACKLOG_BYTES)
            if not data:
                raise Unavailable("The sound server has closed its pipe")
            self._take(codec, data)

    def _wait_for_wake(self, timeout_s: float | None) -> None:
        if select.select([self._wake_fd], [], [], timeout_s)[0]:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake_fd)

    def _skip_to(self, most_bytes: int, *, keep: int | None = None) -> None:
        """Throws the older part of a pipe away that holds more than `most_bytes`."""
        (waiting_bytes,) = struct.unpack("i", fcntl.ioctl(self._read_fd, termios.FIONREAD, bytes(4)))
        if waiting_bytes <= most_bytes:
            return
        surplus = (waiting_bytes - (most_bytes if keep is None else keep)) // _FRAME_BYTES * _FRAME_BYTES
        # What was left of a split frame goes with it, so that left stays left.
        surplus -= len(self._pending) % _FRAME_BYTES
        self._pending = b""
        with contextlib.suppress(BlockingIOError):
            os.read(self._read_fd, surplus)

    def _take(self, codec: AudioCodecContext, data: bytes) -> None:
        data = self._pending + data
        whole_bytes = len(data) // _PACKET_BYTES * _PACKET_BYTES
        self._pending = data[whole_bytes:]
        for start in range(0, whole_bytes, _PACKET_BYTES):
            chunk = data[start : start + _PACKET_BYTES]
            self._silent_packets = self._silent_packets + 1 if chunk == _SILENCE else 0
            if self._silent_packets <= _SILENT_AFTER_PACKETS:
                self._encode(codec, chunk)

    def _encode(self, codec: AudioCodecContext, chunk: bytes) -> None:
        frame = av.AudioFrame(format="s16", layout="stereo", samples=_PACKET_SAMPLES)
        frame.planes[0].update(chunk)
        frame.sample_rate = RATE_HZ
        frame.pts = self._pts
        self._pts += _PACKET_SAMPLES
        captured_at_ns = time.monotonic_ns()
        try:
            packets = codec.encode(frame)
        except av.FFmpegError as error:
            raise Unavailable(f"Opus failed: {error}") from error
        for packet in packets:
            self._on_packet(SoundPacket(bytes(packet), self._sequence, captured_at_ns, float(PACKET_MS)))
            self._sequence += 1
