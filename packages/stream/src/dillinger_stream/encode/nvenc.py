"""H.264 by NVENC (NVIDIA's graphics cards), with GStreamer's `nvcodec` plugin. Unverified: it never ran on a card."""

from __future__ import annotations

from .base import EncoderCaps, EncoderSettings
from .gstreamer import SINK, GstPlan, source


def pipeline(settings: EncoderSettings, memory: str = "") -> str:
    """The card converts and scales; pictures that another card's memory holds (`memory`) come in by OpenGL."""
    width, height = settings.coded_px
    upload = "glupload ! cudaupload" if memory else "cudaupload"
    return (
        f"{source(settings, memory)} ! {upload} ! cudaconvert ! cudascale"
        f" ! video/x-raw(memory:CUDAMemory),format=NV12,width={width},height={height}"
        f" ! nvcudah264enc name=encoder rate-control=cbr bitrate={max(1, settings.bitrate_bps // 1000)} preset=p1"
        f" tune=ultra-low-latency zero-reorder-delay=true b-frames=0 gop-size=-1 ! {SINK}"
    )


PLAN = GstPlan(
    caps=EncoderCaps(name="NVENC", codec="h264", is_hardware=True, is_verified=False),
    elements=("nvcudah264enc", "cudaupload", "cudaconvert", "cudascale", "h264parse"),
    packages="python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-plugins-bad",
    devices=("dev/nvidia[0-9]*",),
    pipeline=pipeline,
)
