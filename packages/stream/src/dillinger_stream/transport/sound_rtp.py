"""How packets of sound go out over RTP: their clock, and on a path that loses packets each of them twice. Pure.

Nobody sends sound again in time, and the seat's Opus carries no forward error correction (there is none in its quick
mode). So where packets are lost, the packet before goes out once more right before each new one: with its own RTP time,
so a receiver knows it again. It is there when the next is due, and costs what sound costs, an eighth of a megabit.
"""

from __future__ import annotations

from dataclasses import dataclass

from dillinger_stream.frames import SoundPacket

SOUND_CLOCK_HZ = 48_000
TWICE_FROM_LOSS = 0.01
TWICE_FOR_S = 10.0
"""So long after the last report of loss: receivers report once a second, and not each second loses something."""
TWICE_FROM_BPS = 1e6
"""On a path that carries less, what sound would take twice is missing elsewhere."""
_RESYNC_TICKS = SOUND_CLOCK_HZ // 10


@dataclass(frozen=True, slots=True)
class TimedSound:
    """A packet and its RTP time, before the stream's random origin is added."""

    data: bytes
    ticks: int


class SoundRtp:
    """One stream; time is an argument, in seconds."""

    def __init__(self) -> None:
        self._next_ticks: int | None = None
        self._before: TimedSound | None = None
        self._twice_until_s = 0.0

    def lost(self, loss_ratio: float | None, now_s: float, *, rate_bps: float) -> None:
        """What a receiver reports of the path, and what the path carries."""
        if rate_bps < TWICE_FROM_BPS:
            self._twice_until_s = 0.0
        elif loss_ratio is not None and loss_ratio >= TWICE_FROM_LOSS:
            self._twice_until_s = now_s + TWICE_FOR_S

    def send(self, packet: SoundPacket, now_s: float) -> list[TimedSound]:
        """What goes out now that there is `packet`."""
        sound = TimedSound(packet.data, self._ticks(packet))
        again = [self._before] if self._before is not None and now_s < self._twice_until_s else []
        self._before = sound
        return [*again, sound]

    def _ticks(self, packet: SoundPacket) -> int:
        """Steps by the packets' length, so that capture jitter is not heard; a real gap is followed."""
        captured = packet.captured_at_ns * SOUND_CLOCK_HZ // 1_000_000_000
        ticks = self._next_ticks
        if ticks is None or abs(captured - ticks) > _RESYNC_TICKS:
            ticks = captured
        self._next_ticks = ticks + round(packet.duration_ms * SOUND_CLOCK_HZ / 1000)
        return ticks
