"""A link that delays, loses, reorders and holds back packets. Pure: packets and time go in, packets come out.

Each direction is a transmitter with a bounded queue (drop tail), then a wire with a delay, jitter and loss. Loss is
random, or comes in bursts by the model of Gilbert (two states; in the bad one everything is lost). The same seed and
the same packets at the same times give the same result. `emulator.py` puts real packets through it.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

P = TypeVar("P")

BIN_S = 0.1
"""Reports tell of the link in steps of this length."""
MAX_BINS = 6000


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """One direction of a link. The defaults are a perfect cable."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Standard deviation of the delay; packets stay in order unless they are chosen for reordering."""
    loss_ratio: float = 0.0
    burst_packets: float = 1.0
    """Mean length of a burst of losses; 1 is random loss."""
    reorder_ratio: float = 0.0
    reorder_ms: float = 10.0
    """How much later a packet comes that is overtaken."""
    rate_bps: float | None = None
    """None is without a limit, and then there is no queue."""
    queue_bytes: int = 256_000
    is_udp_blocked: bool = False


@dataclass(slots=True)
class Bin:
    """What one direction did in one step of `BIN_S`."""

    at_s: float
    offered: int = 0
    lost: int = 0
    """On the wire, as the profile wants it (blocked packets too)."""
    overflowed: int = 0
    """Dropped because the queue was full."""
    delivered_bytes: int = 0
    queue_ms: float = 0.0
    """The longest that a packet of this step waited."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[P]):
    packet: P
    size_bytes: int
    arrived_s: float


@dataclass(order=True, slots=True)
class _Flying(Generic[P]):
    at_s: float
    number: int
    size_bytes: int = field(compare=False)
    packet: P = field(compare=False)


class OneWay(Generic[P]):
    """One direction. Time must not go back from call to call."""

    def __init__(self, profile: LinkProfile, seed: int) -> None:
        self.profile = profile
        self._chance = random.Random(seed)  # noqa: S311 - a reproducible link, no secret
        self._is_bad = False
        self._queue: deque[_Waiting[P]] = deque()
        self._queue_bytes = 0
        self._free_at_s = 0.0
        self._flying: list[_Flying[P]] = []
        self._last_at_s = 0.0
        self._number = 0
        self._bins: deque[Bin] = deque(maxlen=MAX_BINS)

    def configure(self, profile: LinkProfile, now_s: float) -> None:
        """Another profile from now on; what waits in the queue leaves at the new rate."""
        self._transmit(now_s)
        self.profile = profile

    def offer(self, packet: P, size_bytes: int, now_s: float, *, is_udp: bool = False) -> None:
        """A packet arrives at the transmitter."""
        self._transmit(now_s)
        here = self._bin(now_s)
        here.offered += 1
        if is_udp and self.profile.is_udp_blocked:
            here.lost += 1
        elif self.profile.rate_bps is not None and self._queue_bytes + size_bytes > self.profile.queue_bytes:
            here.overflowed += 1
        else:
            self._queue.append(_Waiting(packet, size_bytes, now_s))
            self._queue_bytes += size_bytes
            self._transmit(now_s)

    def due(self, now_s: float) -> list[P]:
        """What arrives at the other end until now, in order of arrival."""
        self._transmit(now_s)
        arrived = []
        while self._flying and self._flying[0].at_s <= now_s:
            landed = heapq.heappop(self._flying)
            self._bin(now_s).delivered_bytes += landed.size_bytes
            arrived.append(landed.packet)
        return arrived

    def next_at_s(self) -> float | None:
        """When there is something to do; None while nothing is under way."""
        times = [self._flying[0].at_s] if self._flying else []
        if self._queue:
            times.append(max(self._free_at_s, self._queue[0].arrived_s))
        return min(times, default=None)

    def take_report(self) -> list[Bin]:
        """The steps since the last report."""
        bins = list(self._bins)
        self._bins.clear()
        return bins

    def _transmit(self, now_s: float) -> None:
        while self._queue and (start_s := max(self._free_at_s, self._queue[0].arrived_s)) <= now_s:
            head = self._queue.popleft()
            self._queue_bytes -= head.size_bytes
            rate_bps = self.profile.rate_bps
            self._free_at_s = start_s + (head.size_bytes * 8 / rate_bps if rate_bps else 0.0)
            waited = self._bin(start_s)
            waited.queue_ms = max(waited.queue_ms, (self._free_at_s - head.arrived_s) * 1000)
            if self._is_lost():
                waited.lost += 1
            else:
                self._launch(head)

    def _launch(self, head: _Waiting[P]) -> None:
        profile = self.profile
        jitter_ms = abs(self._chance.gauss(0.0, profile.jitter_ms)) if profile.jitter_ms else 0.0
        at_s = self._free_at_s + (profile.delay_ms + jitter_ms) / 1000
        if profile.reorder_ratio and self._chance.random() < profile.reorder_ratio:
            at_s += profile.reorder_ms / 1000
        else:
            at_s = self._last_at_s = max(at_s, self._last_at_s)
        self._number += 1
        heapq.heappush(self._flying, _Flying(at_s, self._number, head.size_bytes, head.packet))

    def _is_lost(self) -> bool:
        ratio, burst = self.profile.loss_ratio, self.profile.burst_packets
        if not ratio:
            return False
        if burst <= 1:
            return self._chance.random() < ratio
        leaves = 1 / burst
        enters = min(1.0, leaves * ratio / (1 - ratio)) if ratio < 1 else 1.0
        self._is_bad = self._chance.random() < (1 - leaves if self._is_bad else enters)
        return self._is_bad

    def _bin(self, at_s: float) -> Bin:
        start_s = at_s - at_s % BIN_S
        if not self._bins or start_s > self._bins[-1].at_s + BIN_S / 2:
            self._bins.append(Bin(start_s))
        return self._bins[-1]
