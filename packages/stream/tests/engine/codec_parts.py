"""What tests of encoders and pipelines share: decoders, and an encoder of GStreamer that needs no graphics card."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

from dillinger_contracts.session import VideoFormat
from dillinger_stream.encode.base import EncoderCaps, EncoderSettings
from dillinger_stream.encode.gstreamer import SINK, GstPlan, source
from dillinger_stream.frames import AccessUnit

DECODERS: dict[VideoFormat, str] = {"vp8": "vp8", "vp9": "vp9", "av1": "libdav1d"}
"""PyAV's names; of the others: h264."""


def last_picture(units: list[AccessUnit]) -> Any:
    """As RGB, from the last keyframe on."""
    first = max(number for number, unit in enumerate(units) if unit.is_keyframe)
    decoder: Any = av.CodecContext.create(DECODERS.get(units[first].format, "h264"), "r")
    pictures = [one for unit in units[first:] for one in decoder.decode(av.Packet(unit.data))]
    return [*pictures, *decoder.decode(None)][-1].to_ndarray(format="rgb24", src_colorspace="ITU601")


def is_color(picture: Any, x: int, y: int, color: tuple[int, int, int], *, within: int = 14) -> bool:
    return bool(np.abs(picture[y, x].astype(int) - color).max() < within)


def in_software(settings: EncoderSettings) -> str:
    width, height = settings.coded_px
    return (
        f"{source(settings)} ! videoconvert ! videoscale ! video/x-raw,format=I420,width={width},height={height}"
        f" ! x264enc name=encoder tune=zerolatency speed-preset=ultrafast bitrate={settings.bitrate_bps // 1000}"
        f" threads=1 key-int-max=1000 ! {SINK}"
    )


PLAN = GstPlan(
    caps=EncoderCaps(name="x264enc", codec="h264", is_hardware=False, is_verified=True),
    elements=("x264enc",), packages="gstreamer1.0-plugins-ugly", devices=(), pipeline=in_software,
)  # fmt: skip
