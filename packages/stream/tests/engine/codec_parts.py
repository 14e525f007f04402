"""What several tests of encoders share: decoders by format, and an encoder of GStreamer that needs no graphics card."""

from __future__ import annotations

from dillinger_contracts.session import VideoFormat
from dillinger_stream.encode.base import EncoderCaps, EncoderSettings
from dillinger_stream.encode.gstreamer import SINK, GstPlan, source

DECODERS: dict[VideoFormat, str] = {"vp8": "vp8", "vp9": "vp9", "av1": "libdav1d"}
"""PyAV's names; of the others: h264."""


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
