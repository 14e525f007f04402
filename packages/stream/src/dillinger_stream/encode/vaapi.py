"""H.264 by VA-API (Intel's and AMD's graphics cards), with GStreamer's `va` plugin. Unverified: it never ran on one."""

from __future__ import annotations

from .base import EncoderCaps, EncoderSettings
from .gstreamer import SINK, GstPlan, source

DMABUF = "(memory:DMABuf)"


def pipeline(settings: EncoderSettings, memory: str = "") -> str:
    """The card converts and scales; `memory` DMABUF for pictures that it has already."""
    width, height = settings.coded_px
    return (
        f"{source(settings, memory)} ! vapostproc"
        f" ! video/x-raw(memory:VAMemory),format=NV12,width={width},height={height}"
        f" ! vah264enc name=encoder rate-control=cbr bitrate={max(1, settings.bitrate_bps // 1000)} target-usage=7"
        f" b-frames=0 ref-frames=1 key-int-max=1024 ! {SINK}"
    )


PLAN = GstPlan(
    caps=EncoderCaps(name="VA-API", codec="h264", is_hardware=True, is_verified=False),
    elements=("vah264enc", "vapostproc", "h264parse"),
    packages="python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-plugins-bad va-driver-all",
    devices=("dev/dri/renderD*",),
    pipeline=pipeline,
)
