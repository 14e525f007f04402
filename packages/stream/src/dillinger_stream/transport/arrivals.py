"""When a browser received which packet: transport-wide feedback, read and turned into the state of a path. Pure.

Format: draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1. Feedback is as hostile as any input: what makes
no sense raises ValueError, and packets that were never sent change nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from .lowest import LowestOf
from .rate import PathState

FEEDBACK_TYPE, FEEDBACK_FORMAT = 205, 15
TICK_S = 0.000_25
REFERENCE_S = 0.064
BASE_WINDOW_S = 10.0
RATE_WINDOW_S = 0.25
TAIL_S = 0.07
"""What came before that tells of a queue that was: a feedback spans a tenth of a second, in which one grows fast. It
holds the first packet of a picture at 15 a second."""
LOSS_WINDOW_S = 1.0
MAX_REMEMBERED = 8192
MAX_TOLD = 4096
"""Packets in one feedback; browsers tell of some hundred."""
_HEAD_BYTES = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a packet; `at_s` is the browser's clock, None for one that has not come."""

    sequence: int
    at_s: float | None


def feedbacks(rtcp: bytes) -> Iterator[bytes]:
    """The transport-wide feedback packets in a compound RTCP packet (RFC 3550 section 6.1); raises ValueError."""
    at = 0
    while at + 4 <= len(rtcp):
        end = at + 4 + 4 * int.from_bytes(rtcp[at + 2 : at + 4], "big")
        if end > len(rtcp):
            raise ValueError("an RTCP packet longer than its datagram")
        if rtcp[at + 1] == FEEDBACK_TYPE and rtcp[at] & 0x1F == FEEDBACK_FORMAT:
            yield rtcp[at:end]
        at = end


def read_feedback(packet: bytes) -> list[Arrival]:
    """What one feedback packet tells; raises ValueError."""
    if len(packet) < _HEAD_BYTES:
        raise ValueError("a transport-wide feedback without its head")
    first = int.from_bytes(packet[12:14], "big")
    count = int.from_bytes(packet[14:16], "big")
    if count > MAX_TOLD:
        raise ValueError("a transport-wide feedback of too many packets")
    at_s = int.from_bytes(packet[16:19], "big", signed=True) * REFERENCE_S
    symbols, at = _read_symbols(packet, count)
    arrivals = []
    for place, symbol in enumerate(symbols):
        sequence = (first + place) & 0xFFFF
        if symbol not in (1, 2):
            arrivals.append(Arrival(sequence, None))
            continue
        if at + symbol > len(packet):
            raise ValueError("a transport-wide feedback without all its times")
        at_s += int.from_bytes(packet[at : at + symbol], "big", signed=symbol == 2) * TICK_S
        at += symbol
        arrivals.append(Arrival(sequence, at_s))
    return arrivals


def _read_symbols(packet: bytes, count: int) -> tuple[list[int], int]:
    """A symbol for each packet (0 not received, 1 small step, 2 large step) and where the steps begin."""
    symbols: list[int] = []
    at = _HEAD_BYTES
    while len(symbols) < count:
        if at + 2 > len(packet):
            raise ValueError("a transport-wide feedback without all its symbols")
        chunk = int.from_bytes(packet[at : at + 2], "big")
        at += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13 & 3] * min(chunk & 0x1FFF, count - len(symbols))
            if not chunk & 0x1FFF:
                raise ValueError("an empty run")
        elif chunk & 0x4000:
            symbols += [chunk >> place & 3 for place in range(12, -1, -2)]
        else:
            symbols += [chunk >> place & 1 for place in range(13, -1, -1)]
    return symbols[:count], at


@dataclass(frozen=True, slots=True)
class _Sent:
    at_s: float
    size_bytes: int


class ArrivalGauge:
    """The path of packets that carry a transport-wide sequence number."""

    def __init__(self) -> None:
        self._next = 0
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._arrived: deque[tuple[float, int]] = deque(maxlen=MAX_TOLD)
        self._fates: deque[tuple[float, int, int]] = deque()
        self._base = LowestOf(BASE_WINDOW_S)
        self._rtt = LowestOf(BASE_WINDOW_S)

    def number(self) -> int:
        """The sequence number of the packet that leaves next, 16 bits."""
        sequence, self._next = self._next, (self._next + 1) & 0xFFFF
        return sequence

    def sent(self, sequence: int, size_bytes: int, now_s: float) -> None:
        """The packet has left."""
        self._sent.pop(sequence, None)  # of one round of numbers ago
        self._sent[sequence] = _Sent(now_s, size_bytes)
        while len(self._sent) > MAX_REMEMBERED:
            self._sent.popitem(last=False)

    def take(self, arrivals: list[Arrival], now_s: float) -> PathState | None:
        """What a feedback makes of the path; None when it tells of nothing that was sent."""
        came: list[tuple[float, float]] = []
        latest_sent_s = 0.0
        lost = 0
        for arrival in arrivals:
            if arrival.at_s is None:
                lost += arrival.sequence in self._sent
                continue
            packet = self._sent.pop(arrival.sequence, None)
            if packet is not None:
                came.append((arrival.at_s, arrival.at_s - packet.at_s))
                latest_sent_s = max(latest_sent_s, packet.at_s)
                self._arrived.append((arrival.at_s, packet.size_bytes))
        if not came:
            return None
        self._fates.append((now_s, lost, len(came)))
        # The fastest of the last packets: jitter and a frame's own burst are no queue, what stays is.
        latest_s = max(at_s for at_s, _ in came)
        delay_s = min(delay_s for at_s, delay_s in came if at_s > latest_s - TAIL_S)
        return PathState(
            queue_ms=1000 * (delay_s - self._base.add(now_s, delay_s)),
            carried_bps=self._carried_bps(),
            rtt_ms=1000 * self._rtt.add(now_s, now_s - latest_sent_s),
            loss_ratio=self._loss_ratio(now_s),
        )

    def _carried_bps(self) -> float:
        latest_s = max(at_s for at_s, _ in self._arrived)
        while self._arrived and not -RATE_WINDOW_S <= self._arrived[0][0] - latest_s <= 0:
            self._arrived.popleft()
        size_bytes = sum(size for at_s, size in self._arrived if at_s > latest_s - RATE_WINDOW_S)
        return size_bytes * 8 / RATE_WINDOW_S

    def _loss_ratio(self, now_s: float) -> float:
        while now_s - self._fates[0][0] > LOSS_WINDOW_S:
            self._fates.popleft()
        lost, came = (sum(fate[place] for fate in self._fates) for place in (1, 2))
        return lost / (lost + came)
