"""PCM into the pipe, Opus out: what a listener would hear."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import pytest

from dillinger_contracts.errors import DillingerError
from dillinger_stream.frames import SoundPacket
from dillinger_stream.sound.pipeline import SoundPipeline

PACKET_BYTES = 1920
AHEAD_BYTES = 4 * PACKET_BYTES
"""So much may wait in the pipe without being late."""
WAIT_S = 30.0


@dataclass
class Recorder:
    """Stands for the sound server's recorder: writes at the pace of who reads, as fast as told, or not at all."""

    pipeline: SoundPipeline
    write_fd: int
    packets: list[SoundPacket] = field(default_factory=list)
    failures: list[DillingerError] = field(default_factory=list)

    def play(self, samples: Any, *, paced: bool = True) -> None:
        data = np.ascontiguousarray(samples, dtype="<i2").tobytes()
        for offset in range(0, len(data), PACKET_BYTES):
            self.write(data[offset : offset + PACKET_BYTES], paced=paced)

    def write(self, data: bytes, *, paced: bool = True) -> None:
        os.write(self.write_fd, data)
        if paced:
            self.until(lambda: self.waiting_bytes() <= AHEAD_BYTES)

    def waiting_bytes(self) -> int:
        """What nobody has read yet."""
        waiting: int = struct.unpack("i", fcntl.ioctl(self.write_fd, termios.FIONREAD, bytes(4)))[0]
        return waiting

    def until(self, fact: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_S
        while not fact():
            assert time.monotonic() < until, f"no such fact: {len(self.packets)} packets, {self.failures}"
            time.sleep(0.002)

    def settle(self) -> int:
        """Waits until no packets come any more; how many there are."""
        count, looks = len(self.packets), 0
        until = time.monotonic() + WAIT_S
        while looks < 20:
            assert time.monotonic() < until, "packets keep coming"
            time.sleep(0.01)
            looks = looks + 1 if len(self.packets) == count else 0
            count = len(self.packets)
        return count


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    read_fd, write_fd = os.pipe()
    packets: list[SoundPacket] = []
    failures: list[DillingerError] = []
    pipeline = SoundPipeline(read_fd, on_packet=packets.append, on_failed=failures.append)
    recorder = Recorder(pipeline, write_fd, packets, failures)
    yield recorder
    pipeline.stop()
    if recorder.write_fd >= 0:
        os.close(recorder.write_fd)


def tone(seconds: float, *, hz: float = 440.0) -> Any:
    at = np.arange(round(seconds * 48_000)) / 48_000
    left = np.sin(2 * np.pi * hz * at) * 12_000
    return np.stack([left, left * 0.5], axis=1)


def silence(seconds: float) -> Any:
    return np.zeros((round(seconds * 48_000), 2))


def heard(packets: list[SoundPacket]) -> Any:
    """(samples, 2) of float, full scale 1."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.format = 48_000, "stereo", "s16"
    blocks = [block for packet in packets for block in decoder.decode(av.Packet(packet.data))]
    return np.concatenate([block.to_ndarray().reshape(-1, 2) for block in blocks]) / 32768


def test_a_tone_is_heard(recorder: Recorder) -> None:
    recorder.pipeline.start()
    recorder.play(tone(0.6))
    recorder.until(lambda: len(recorder.packets) >= 50)
    sound = heard(recorder.packets)[4800:24_000]
    spectrum = np.abs(np.fft.rfft(sound[:, 0] * np.hanning(len(sound))))
    assert np.argmax(spectrum) * 48_000 / len(sound) == pytest.approx(440, abs=4)
    loudness = np.sqrt((sound**2).mean(axis=0))
    assert loudness[0] == pytest.approx(12_000 / 32_768 / np.sqrt(2), rel=0.1)
    assert loudness[1] == pytest.approx(loudness[0] / 2, rel=0.1)
    assert [packet.sequence for packet in recorder.packets] == list(range(len(recorder.packets)))
    assert {packet.duration_ms for packet in recorder.packets} == {10.0}


def test_silence_is_not_sent_and_costs_next_to_nothing(recorder: Recorder) -> None:
    recorder.pipeline.start()
    recorder.play(tone(0.1))
    recorder.play(silence(1.3))
    count = len(recorder.packets)
    assert 100 <= count <= 115
    recorder.play(silence(1.0))
    assert len(recorder.packets) == count
    recorder.play(tone(0.2))
    recorder.until(lambda: len(recorder.packets) >= count + 15)
    assert np.abs(heard(recorder.packets[count:])).max() > 0.2


def test_samples_split_anywhere_stay_in_place(recorder: Recorder) -> None:
    recorder.pipeline.start()
    data = np.ascontiguousarray(tone(0.4), dtype="<i2").tobytes()
    offset = 0
    for size in [1, 3, 1919, 7, 1921, 960] * 20:
        recorder.write(data[offset : offset + size])
        offset += size
    recorder.until(lambda: len(recorder.packets) == len(data) // PACKET_BYTES)
    sound = heard(recorder.packets)[2400:]
    assert np.sqrt((sound**2).mean(axis=0))[1] == pytest.approx(np.sqrt((sound**2).mean(axis=0))[0] / 2, rel=0.1)


def test_late_sound_is_skipped(recorder: Recorder) -> None:
    """The pipe is full before the pipeline comes: only the newest is sent, so that no delay stays."""
    recorder.play(tone(0.3), paced=False)
    recorder.pipeline.start()
    recorder.until(lambda: bool(recorder.packets))
    recorder.play(tone(0.05))
    recorder.until(lambda: len(recorder.packets) >= 5)
    assert len(recorder.packets) <= 12


def test_paused_nothing_comes_and_resumed_nothing_old(recorder: Recorder) -> None:
    recorder.pipeline.start()
    recorder.play(tone(0.1))
    recorder.until(lambda: bool(recorder.packets) and recorder.waiting_bytes() == 0)
    recorder.pipeline.pause()
    count = recorder.settle()
    stale = 8  # as many packets as the empty pipe holds, so that the writer need not wait
    recorder.play(tone(stale * 0.01), paced=False)
    assert recorder.settle() == count
    recorder.pipeline.resume()
    recorder.until(lambda: len(recorder.packets) > count)
    assert recorder.settle() - count < stale


def test_a_cut_pipe_is_told(recorder: Recorder) -> None:
    recorder.pipeline.start()
    recorder.play(tone(0.05))
    os.close(recorder.write_fd)
    recorder.write_fd = -1
    recorder.until(lambda: len(recorder.failures) == 1)
    assert "closed its pipe" in recorder.failures[0].message


def test_a_pipe_that_is_cut_while_silent_is_told(recorder: Recorder) -> None:
    recorder.pipeline.start()
    recorder.play(silence(1.2))
    os.close(recorder.write_fd)
    recorder.write_fd = -1
    recorder.until(lambda: len(recorder.failures) == 1)


def test_stop_is_final_and_may_come_early_and_twice(recorder: Recorder) -> None:
    recorder.pipeline.stop()
    recorder.pipeline.stop()
    recorder.pipeline.pause()
    recorder.pipeline.resume()
    assert not recorder.failures
