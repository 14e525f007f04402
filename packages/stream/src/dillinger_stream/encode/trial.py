"""`python -m dillinger_stream.encode.trial`: how much processor time each format takes here, as JSON, for `costs.py`.

A process of its own: a codec that breaks takes no stream with it, and what its threads use is counted too. It counts
processor time and not the clock's, so it may step back behind everything else (`nice`) and still tell the same.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np

from dillinger_contracts.errors import DillingerError
from dillinger_contracts.media import Box
from dillinger_contracts.session import VideoFormat
from dillinger_stream.formats import TITLES
from dillinger_stream.frames import Frame

from .base import EncoderSettings
from .codecs import open_encoder

WIDTH_PX, HEIGHT_PX = 1280, 720
_BITRATE_BPS, _RATE_HZ = 12_000_000, 60.0
_FRAMES, _WARM_UP = 14, 2
_STEP_PX = 6


def cost_ms(format_: VideoFormat) -> float:
    """Processor time for a million pixels of a picture that moves as a whole; raises `DillingerError`."""
    whole = Box(0, 0, WIDTH_PX, HEIGHT_PX)
    scene = _scene()
    encoder = open_encoder(EncoderSettings(WIDTH_PX, HEIGHT_PX, _BITRATE_BPS, _RATE_HZ, format_))
    try:
        for number in range(_FRAMES):
            if number == _WARM_UP:
                start_s = time.process_time()
            x = number * _STEP_PX
            pixels = np.ascontiguousarray(scene[:, x : x + WIDTH_PX])
            encoder.encode(Frame(pixels, WIDTH_PX, HEIGHT_PX, whole, number), keyframe=False)
        spent_s = time.process_time() - start_s
    finally:
        encoder.close()
    return spent_s * 1000 / (_FRAMES - _WARM_UP) / (WIDTH_PX * HEIGHT_PX / 1e6)


def _scene() -> Any:
    """Soft shapes with a little grain, wider than the picture: near what games draw."""
    rng = np.random.default_rng(7)
    width = WIDTH_PX + _FRAMES * _STEP_PX
    coarse = rng.integers(0, 200, (HEIGHT_PX // 16 + 1, width // 16 + 1, 4), dtype=np.uint8)
    shapes = coarse.repeat(16, axis=0).repeat(16, axis=1)[:HEIGHT_PX, :width]
    return shapes + rng.integers(0, 24, (HEIGHT_PX, width, 1), dtype=np.uint8)


def main() -> int:
    """Prints what could be measured; a format that can't be encoded here is left out."""
    os.nice(10)
    costs: dict[VideoFormat, float] = {}
    for format_ in TITLES:
        try:
            costs[format_] = round(cost_ms(format_), 3)
        except DillingerError as error:
            print(f"{format_}: {error.message}", file=sys.stderr)
    print(json.dumps(costs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
