"""What each codec costs and how near its pictures are to what was drawn, at equal bitrates; no test.

    nice .venv/bin/python packages/stream/tests/engine/measure_encoders.py [--size 1280x720] [--no-game]

The encoders alone, with the settings that a stream has, in this process: no network, no browser. A game's pictures are
captured once and shown to all of them in turn. The figures are in `docs/explanation/performance.md`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from dillinger_bench.peers.quality import luma_of, ssim
from dillinger_bench.testcard import guest
from dillinger_contracts.media import Box
from dillinger_contracts.session import VideoFormat
from dillinger_stream.capture.x11 import X11Capture
from dillinger_stream.encode.base import EncoderSettings
from dillinger_stream.encode.codecs import open_encoder
from dillinger_stream.formats import TITLES
from dillinger_stream.frames import Frame

RATE_HZ = 60.0
_GAME_RATE_HZ = 35.0
"""Doom's own."""
_WARM_UP = 10
_QUALITY_EVERY = 6
_DECODERS: dict[VideoFormat, str] = {"vp8": "vp8", "vp9": "vp9", "av1": "libdav1d"}


@dataclass(frozen=True, slots=True)
class EncoderFigures:
    """One encoder on one content at one bitrate."""

    format: VideoFormat
    wall_ms_p50: float
    """To convert and encode a picture."""
    cpu_ms: float
    """Of all threads, a picture."""
    cpu_percent: float
    """Of a core, at the content's own rate."""
    bitrate_bps: float
    ssim: float
    keyframe_bytes: int


def card_frames(width_px: int, height_px: int, count: int) -> list[Any]:
    """The test card's scene in full motion, BGRX."""
    side = guest.TILE_PX
    tile = np.frombuffer(guest.tile_pixels(), dtype=np.uint32).reshape(side, side)
    step_x, step_y = guest.TILE_STEP_PX
    frames = []
    for tick in range(count):
        columns = (np.arange(width_px) - tick * step_x) % side
        rows = (np.arange(height_px) - tick * step_y) % side
        frames.append(np.ascontiguousarray(tile[rows][:, columns]).view(np.uint8).reshape(height_px, width_px, 4))
    return frames


def game_frames(width_px: int, height_px: int, count: int, *, after_s: float = 12.0) -> list[Any]:
    """Chocolate Doom's own demo of Freedoom, captured from a display of its own, BGRX."""
    with _display(width_px, height_px) as socket_path, _doom(socket_path, width_px, height_px):
        time.sleep(after_s)  # its title; then the demo plays
        capture = X11Capture(socket_path)
        wake_fd = os.eventfd(0)
        try:
            frames: list[Any] = []
            while len(frames) < count:
                capture.wait(1.0, wake_fd)
                frames.append(np.array(capture.grab(whole=True).pixels))
        finally:
            capture.close()
            os.close(wake_fd)
    return frames


def measure(format_: VideoFormat, frames: list[Any], *, bitrate_bps: int, rate_hz: float) -> EncoderFigures:
    """Raises `EncoderError` where the format can't be encoded here."""
    height_px, width_px = frames[0].shape[:2]
    encoder = open_encoder(EncoderSettings(width_px, height_px, bitrate_bps, RATE_HZ, format_))
    decoder: Any = av.CodecContext.create(_DECODERS.get(format_, "h264"), "r")
    decoder.thread_count = 1  # more would hand pictures out later
    whole = Box(0, 0, width_px, height_px)
    walls, sizes, likenesses, spent_s, keyframe_bytes = [], [], [], 0.0, 0
    for number, pixels in enumerate(frames):
        frame = Frame(pixels, width_px, height_px, whole, round(number * 1e9 / rate_hz))
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        unit = encoder.encode(frame, keyframe=False)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        if number == 0:
            keyframe_bytes = len(unit.data)
        shown = decoder.decode(av.Packet(unit.data))
        if number < _WARM_UP:
            continue
        walls.append(wall_s * 1000)
        sizes.append(len(unit.data))
        spent_s += cpu_s
        if number % _QUALITY_EVERY == 0 and shown:
            likenesses.append(ssim(_luma(shown[-1]), luma_of(pixels.reshape(height_px, -1).view(np.uint32))))
    encoder.close()
    cpu_ms = spent_s * 1000 / len(walls)
    return EncoderFigures(
        format=format_, wall_ms_p50=statistics.median(walls), cpu_ms=cpu_ms, cpu_percent=cpu_ms * rate_hz / 10,
        bitrate_bps=sum(sizes) * 8 / len(sizes) * rate_hz, ssim=statistics.fmean(likenesses),
        keyframe_bytes=keyframe_bytes,
    )  # fmt: skip


def table(content: str, wish_bps: int, figures: list[EncoderFigures]) -> list[str]:
    """As Markdown."""
    lines = [
        f"{content}, {wish_bps / 1e6:g} Mbit/s", "",
        "| | convert + encode, ms p50 | CPU ms a picture | % of a core | Mbit/s | SSIM | keyframe, kB |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for one in figures:
        lines.append(
            f"| {TITLES[one.format]} | {one.wall_ms_p50:.1f} | {one.cpu_ms:.1f} | {one.cpu_percent:.0f}"
            f" | {one.bitrate_bps / 1e6:.2f} | {one.ssim:.4f} | {one.keyframe_bytes / 1000:.0f} |"
        )
    return [*lines, ""]


def _luma(picture: Any) -> Any:
    """The decoded luma in full range, as what was drawn is."""
    planes = picture.to_ndarray()
    limited = (planes[0] if planes.ndim == 3 else planes[: picture.height]).astype(np.float32)
    return np.clip(np.rint((limited - 16) * (255 / 219)), 0, 255).astype(np.uint8)


@contextmanager
def _display(width_px: int, height_px: int) -> Iterator[str]:
    reading, writing = os.pipe()
    command = ("Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width_px}x{height_px}x24", "-nolisten", "tcp")
    process = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as said:
            number = int(said.readline())
        yield f"/tmp/.X11-unix/X{number}"
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _doom(socket_path: str, width_px: int, height_px: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": "/usr/games:/usr/bin:/bin", "HOME": home, "DISPLAY": f":{Path(socket_path).name[1:]}",
            "SDL_RENDER_DRIVER": "software", "SDL_AUDIODRIVER": "dummy",
        }  # fmt: skip
        command = (
            "chocolate-doom", "-iwad", "/usr/share/games/doom/freedoom1.wad", "-nosound", "-nomouse",
            "-geometry", f"{width_px}x{height_px}", "-nograbmouse",
        )  # fmt: skip
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            yield
        finally:
            process.kill()
            process.wait(10)


def main() -> None:
    """Prints one table for each content and bitrate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--bitrate", type=float, action="append", help="in Mbit/s; 8 and 2 where none is given")
    parser.add_argument("--frames", type=int, default=70)
    parser.add_argument("--format", action="append", choices=list(TITLES))
    parser.add_argument("--no-game", action="store_true")
    wishes = parser.parse_args()
    width_px, height_px = (int(part) for part in wishes.size.split("x"))
    contents = [("Test card", card_frames(width_px, height_px, wishes.frames), RATE_HZ)]
    if not wishes.no_game:
        contents.append(("Doom", game_frames(width_px, height_px, wishes.frames), _GAME_RATE_HZ))
    for content, frames, rate_hz in contents:
        for mbps in wishes.bitrate or [8.0, 2.0]:
            figures = [
                measure(format_, frames, bitrate_bps=round(mbps * 1e6), rate_hz=rate_hz)
                for format_ in wishes.format or TITLES
            ]
            print("\n".join(table(f"{content}, {wishes.size}", round(mbps * 1e6), figures)), flush=True)


if __name__ == "__main__":
    main()
