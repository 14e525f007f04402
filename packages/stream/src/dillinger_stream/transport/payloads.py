"""A stream's pictures as RTP payloads, each in its own format: the format may change with any keyframe. Pure but for
the first picture's number, which is random. Leaves H.264 to the WebRTC library, which packs it well (RFC 6184).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from dillinger_stream.frames import AccessUnit

from .rtp_av1 import pack_av1
from .rtp_vpx import PICTURE_IDS, pack_vp8, pack_vp9


class Payloads:
    """Of one stream to one viewer, whose pictures it numbers without a gap."""

    def __init__(self, pack_h264: Callable[[bytes], list[bytes]]) -> None:
        self._pack_h264 = pack_h264
        self._picture_id = secrets.randbelow(PICTURE_IDS)

    def of(self, unit: AccessUnit) -> list[bytes]:
        """Those of the next picture, in order."""
        if unit.format == "av1":
            return pack_av1(unit.data, is_keyframe=unit.is_keyframe)
        if unit.format not in ("vp8", "vp9"):
            return self._pack_h264(unit.data)
        self._picture_id = (self._picture_id + 1) % PICTURE_IDS
        if unit.format == "vp8":
            return pack_vp8(unit.data, picture_id=self._picture_id)
        size_px = (unit.width_px, unit.height_px)
        return pack_vp9(unit.data, picture_id=self._picture_id, is_keyframe=unit.is_keyframe, size_px=size_px)
