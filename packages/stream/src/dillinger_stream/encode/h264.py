"""What a browser must be told about an H.264 stream, read from the stream itself. Pure."""

from __future__ import annotations

_START_CODE = b"\x00\x00\x01"
_SPS = 7
_LEVELS = (("4.1", 8192, 245_760), ("4.2", 8704, 522_240), ("5.1", 36_864, 983_040), ("5.2", 36_864, 2_073_600))
"""Name, macroblocks of a picture, macroblocks a second (ITU-T H.264, table A-1). Lower ones allow too few bits."""


def codec_string(access_unit: bytes) -> str | None:
    """The WebCodecs codec string (RFC 6381, e.g. `avc1.42c020`) of an Annex B access unit; None if it has no SPS."""
    start = access_unit.find(_START_CODE)
    while start >= 0:
        nal = start + len(_START_CODE)
        if nal + 4 <= len(access_unit) and access_unit[nal] & 0x1F == _SPS:
            return f"avc1.{access_unit[nal + 1 : nal + 4].hex()}"
        start = access_unit.find(_START_CODE, nal)
    return None


def level(width_px: int, height_px: int, rate_hz: float) -> str:
    """The lowest level that allows such pictures so often, and at least 50 Mbit/s; the highest where none does."""
    blocks = -(-width_px // 16) * -(-height_px // 16)
    fitting = (name for name, most, most_a_second in _LEVELS if blocks <= most and blocks * rate_hz <= most_a_second)
    return next(fitting, "6.2")
