"""The Protocol of a video encoder."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from dillinger_contracts.session import VideoFormat
from dillinger_stream.errors import EncoderError as EncoderError
from dillinger_stream.errors import EncoderUnavailable as EncoderUnavailable
from dillinger_stream.frames import AccessUnit, Frame

SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class EncoderCaps:
    """What an encoder can do."""

    name: str
    codec: str
    is_hardware: bool
    is_verified: bool
    """False until it ran on the hardware it is for."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What an encoder is opened with."""

    width_px: int
    height_px: int
    bitrate_bps: int
    rate_hz: float
    format: VideoFormat = "h264"
    scale: Fraction = Fraction(1)
    """Of both edges: the encoded picture is that much smaller than the captured one."""
    engine: str = SOFTWARE
    """Or a graphics card's encoder, by its name (`hardware.py`)."""

    @property
    def coded_px(self) -> tuple[int, int]:
        """Width and height of the encoded picture, both even."""
        return int(self.width_px * self.scale) & ~1, int(self.height_px * self.scale) & ~1


@dataclass(frozen=True, slots=True)
class EncodeTiming:
    """How long the last frame took, and how coarse it had to be."""

    convert_ms: float = 0.0
    encode_ms: float = 0.0
    quantizer: int = 0
    """0 to 51, and beyond where an encoder leaves things out; 0 for an encoder that does not say."""


class VideoEncoder(Protocol):
    """Makes access units; used by one thread only: the pipeline's."""

    caps: EncoderCaps
    timing: EncodeTiming
    """Of the last `encode`."""

    def self_test(self) -> None:
        """Encodes three frames; raises `EncoderUnavailable` with a hint."""
        ...

    def encode(self, frame: Frame, *, keyframe: bool) -> AccessUnit:
        """One frame in, one unit out, at once; raises `EncoderError`.

        Only `frame.patches` are read, the rest is as it was: the first frame must be whole. An empty box encodes the
        same picture again, sharper. Units count from 0.
        """
        ...

    def reconfigure(self, *, bitrate_bps: int, rate_hz: float) -> None:
        """Takes effect on the next frame, without a keyframe as long as the change is moderate."""
        ...

    def close(self) -> None:
        """Frees everything; idempotent."""
        ...
