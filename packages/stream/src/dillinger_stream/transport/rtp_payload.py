"""What the payload formats of all codecs share: how much goes into a packet, and pictures in equal parts. Pure."""

from __future__ import annotations

MOST_BYTES = 1300
"""Of an RTP payload: with the headers of RTP, its extensions, SRTP, UDP and IP less than every path carries whole."""


def parts(data: bytes, most_bytes: int) -> list[bytes]:
    """`data` in as few parts as may be, none larger than `most_bytes`, nearly equal: packets that are alike take
    alike long."""
    count = max(1, -(-len(data) // most_bytes))
    size, larger = divmod(len(data), count)
    found, at = [], 0
    for index in range(count):
        end = at + size + (index < larger)
        found.append(data[at:end])
        at = end
    return found
