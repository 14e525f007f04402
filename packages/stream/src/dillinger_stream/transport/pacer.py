"""When a packet may leave: spreads a frame's packets so that they don't meet a path's queue as one burst. Pure.

A keyframe has ten times the bytes of the frames around it; sent at once it fills a thin path's queue, and what does
not fit is lost. Paced at some times the target it takes a few frames' time instead. Sound and retransmits are not held
back, but they count, and of retransmits there are no more than fit: hundreds of packets that a full queue dropped would
fill it again, with what nobody needs any more.
"""

from __future__ import annotations

BURST_S = 0.003
"""So much may leave at once: a loop that wakes up a few times a frame shall not fall behind."""
THIN_FACTOR = 2.5
"""Of the target, on a path that is known to be thin."""
MAX_BEHIND_S = 0.1
WIDE_FACTOR = 8.0
"""Of the wish, on a path that has borne all: there the spreading would cost delay and gain little."""


class Pacer:
    """The schedule of one path; time is an argument, in seconds."""

    def __init__(self) -> None:
        self._free_at_s = 0.0

    def wait_s(self, now_s: float, size_bytes: int, *, rate_bps: float) -> float:
        """Books a packet; how long it has to wait."""
        start_s = max(self._free_at_s, now_s - BURST_S)
        self._free_at_s = start_s + size_bytes * 8 / rate_bps
        return max(0.0, start_s - now_s)

    def has_room(self, now_s: float) -> bool:
        """Whether one more retransmit helps; a path that is this far behind lost what it had no room for."""
        return self._free_at_s - now_s < MAX_BEHIND_S
