"""What a browser must be told about an H.264 stream, read from the stream itself. Pure."""

from __future__ import annotations

_START_CODE = b"\x00\x00\x01"
_SPS = 7


def codec_string(access_unit: bytes) -> str | None:
    """The WebCodecs codec string (RFC 6381, e.g. `avc1.42c020`) of an Annex B access unit; None if it has no SPS."""
    start = access_unit.find(_START_CODE)
    while start >= 0:
        nal = start + len(_START_CODE)
        if nal + 4 <= len(access_unit) and access_unit[nal] & 0x1F == _SPS:
            return f"avc1.{access_unit[nal + 1 : nal + 4].hex()}"
        start = access_unit.find(_START_CODE, nal)
    return None
