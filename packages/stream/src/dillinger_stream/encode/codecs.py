"""Which encoder makes a format: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Mapping

from dillinger_contracts.session import VideoFormat

from .base import SOFTWARE, EncoderCaps, EncoderSettings, EncoderUnavailable, VideoEncoder
from .gstreamer import GstEncoder
from .hardware import plan_of
from .libsvtav1 import SvtAv1Codec
from .libvpx import VpxCodec
from .planar import OpenCodec, PlanarEncoder
from .x264 import X264Encoder

_PLANAR: Mapping[VideoFormat, tuple[EncoderCaps, OpenCodec]] = {
    "vp8": (EncoderCaps(name="libvpx", codec="vp8", is_hardware=False, is_verified=True), VpxCodec),
    "vp9": (EncoderCaps(name="libvpx", codec="vp9", is_hardware=False, is_verified=True), VpxCodec),
    "av1": (EncoderCaps(name="SVT-AV1", codec="av1", is_hardware=False, is_verified=True), SvtAv1Codec),
}


def open_encoder(settings: EncoderSettings) -> VideoEncoder:
    """For `settings.format` by `settings.engine`; raises `EncoderError`."""
    if settings.engine != SOFTWARE:
        plan = plan_of(settings.engine)
        if plan is None:
            raise EncoderUnavailable(f"There is no encoder {settings.engine}")
        return GstEncoder(settings, plan)
    planar = _PLANAR.get(settings.format)
    if planar is None:
        return X264Encoder(settings)
    caps, open_codec = planar
    return PlanarEncoder(settings, caps=caps, open_codec=open_codec)
