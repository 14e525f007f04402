"""A player's microphone on its way to the game: Opus packets of the browser → PCM for whoever is the game's microphone.

On the loop: a packet of 20 ms is decoded in about 0.1 ms, and there is one speaker at a time.
"""

from __future__ import annotations

from typing import Protocol

import av
from av.audio.codeccontext import AudioCodecContext

from dillinger_contracts.errors import Invalid, Unavailable

RATE_HZ = 48_000
MOST_PACKET_BYTES = 1275
"""Of one Opus frame (RFC 6716 section 3.2)."""
_MOST_SAMPLES = RATE_HZ * 120 // 1000
"""The longest that a packet can be."""


class Voice(Protocol):
    """Who takes what players say. Used from the loop; never blocks."""

    def hear(self, speaker: int, pcm: bytes) -> None:
        """s16le, 48 kHz, mono, of the peer with the id `speaker`."""
        ...


class VoiceDecoder:
    """One speaker's stream of packets."""

    def __init__(self) -> None:
        """Raises `Unavailable` without an Opus decoder."""
        try:
            codec = av.CodecContext.create("libopus", "r")
            assert isinstance(codec, AudioCodecContext)
            codec.sample_rate, codec.layout = RATE_HZ, "mono"
            codec.open()
        except (av.FFmpegError, ValueError) as error:
            raise Unavailable(f"Opus can't be opened: {error}", hint="Install PyAV's own wheel") from error
        self._codec = codec

    def decode(self, packet: bytes) -> bytes:
        """PCM as `Voice.hear` takes it; raises `Invalid`."""
        if not 0 < len(packet) <= MOST_PACKET_BYTES:
            raise Invalid(f"A packet of Opus has 1 to {MOST_PACKET_BYTES} bytes, not {len(packet)}")
        try:
            frames = self._codec.decode(av.Packet(packet))
        except av.FFmpegError as error:
            raise Invalid("This is no packet of Opus") from error
        pcm = b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)
        if len(pcm) > 2 * _MOST_SAMPLES:
            raise Invalid("A packet of Opus has at most 120 ms of sound")
        return pcm
