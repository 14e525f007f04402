"""What loss without a queue (radio) leaves of a path: how much it is given, and whether each packet goes twice. Pure.

A lost packet halts the picture until it has come again, a round trip and `REPAIR_S`. So on a lossy path either pictures
are made of fewer packets, or each packet goes a second time behind its picture (as in RFC 7198): both are lost so
seldom that next to nothing has to be asked for. That takes half of what the path carries, so it is done where half of
that is about as much as loss leaves of it, or more.
"""

from __future__ import annotations

HALTED_SHARE, HALTED_SHARE_TWICE = 0.5, 0.25
"""Of all time no more than this is to be spent waiting for repairs. On a path of 50 ms, with packets that go once, that
is 6 Mbit/s at 1 % loss, 1.3 Mbit/s at 5 %; with packets that go twice 25 Mbit/s at 5 %, 6 at 10 %."""
REPAIR_S = 0.025
PACKET_BITS = 9_600
LEAST_LOSS = 0.000_5
LOSSY_FLOOR_BPS = 1_000_000
"""Less would hardly halt less."""
LOSS_MEMORY_S = 2.0
STARTS_ABOVE, ENDS_BELOW = 0.9, 0.6
"""What pictures get with every packet sent twice, in parts of what they get with every packet sent once."""


class Duplication:
    """Of one path."""

    def __init__(self) -> None:
        self.is_on = False
        self.most_bps: float = 0.0
        """What the path is given at most, second copies and all, whatever its width."""
        self._loss = 0.0
        self._told_at_s: float | None = None

    def take(self, now_s: float, *, loss_ratio: float, rtt_ms: float, room_bps: float | None) -> None:
        """Takes in what was measured; `room_bps` is what is known of the path's width, None where nothing can be sent
        twice."""
        passed_s = 0.0 if self._told_at_s is None else now_s - self._told_at_s
        self._told_at_s = now_s
        self._loss += (loss_ratio - self._loss) * min(1.0, passed_s / LOSS_MEMORY_S)
        repair_s = max(0.0, rtt_ms / 1000) + REPAIR_S
        once_bps = _most_bps(self._loss, HALTED_SHARE / repair_s)
        share = ENDS_BELOW if self.is_on else STARTS_ABOVE
        self.is_on = room_bps is not None and room_bps / 2 >= share * once_bps
        self.most_bps = 2 * _most_bps(self._loss**2, HALTED_SHARE_TWICE / repair_s) if self.is_on else once_bps


def _most_bps(loss: float, repairs_hz: float) -> float:
    """Of pictures of which so many packets a second may be lost."""
    return max(LOSSY_FLOOR_BPS, PACKET_BITS * repairs_hz / max(loss, LEAST_LOSS))
