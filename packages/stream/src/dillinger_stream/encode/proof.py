"""Whether an encoder does what is asked of it here, before a stream depends on it."""

from __future__ import annotations

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import Frame

from .base import EncoderError, EncoderUnavailable, VideoEncoder

_FRAME_NS = 16_666_667


def prove(trial: VideoEncoder, side_px: int, *, hint: str, keyframe_hint: str) -> None:
    """Encodes three frames of `side_px` squared, the last as a keyframe, and closes it; raises `EncoderUnavailable`
    with the hint for one that fails, or for one that ignores what is asked."""
    pixels = np.zeros((side_px, side_px, 4), dtype=np.uint8)
    whole = Box(0, 0, side_px, side_px)
    try:
        units = [
            trial.encode(Frame(pixels + number, side_px, side_px, whole, number * _FRAME_NS), keyframe=number == 2)
            for number in (0, 1, 2)
        ]
    except EncoderError as error:
        raise EncoderUnavailable(error.message, hint=hint) from error
    finally:
        trial.close()
    if [unit.is_keyframe for unit in units] != [True, False, True]:
        raise EncoderUnavailable(f"{trial.caps.name} ignores requests for keyframes", hint=keyframe_hint)
