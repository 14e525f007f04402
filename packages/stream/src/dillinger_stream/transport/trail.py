"""What became of each picture on its way to one viewer: when it was packed, sent and shown. Pure; time is an argument.

A picture costs three short calls and one small record; figures are made of them when somebody asks. Clocks of seat and
browser have nothing in common, so the way there is taken for half of the way there and back: from the last byte sent to
the viewer's word that the picture is shown, without what the viewer says that it took to decode and draw. The network's
share of it is known to whoever counts packets (TCP's kernel, RTCP), that of a relay to the relay; the rest was spent
handing over, at both ends. Leaves what comes before a transport to `telemetry.py`. Lives on the loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from dillinger_contracts.stages import Stage
from dillinger_stream.frames import AccessUnit
from dillinger_stream.telemetry import MOST_PICTURES, WINDOW_NS, quantile

_PATH_SAMPLES = 20
"""Of the network's round trip: two seconds of TCP's, which comes ten times a second."""


@dataclass(slots=True)
class Step:
    """One picture; a time of 0 has not come."""

    sequence: int
    encoded_ns: int
    taken_ns: int
    packed_ns: int
    sent_ns: int = 0
    shown_ns: int = 0
    decode_us: int = 0
    paint_us: int = 0
    """0: the viewer does not say."""

    @property
    def trip_ms(self) -> float | None:
        """There and back, without what the viewer did meanwhile."""
        if not (self.sent_ns and self.shown_ns):
            return None
        return max(0.0, (self.shown_ns - self.sent_ns) / 1e6 - (self.decode_us + self.paint_us) / 1e3)


@dataclass(frozen=True, slots=True)
class Way:
    """From the seat's socket to the browser's decoder."""

    relay_ms: float
    network_ms: float
    delivery_ms: float


class Trail:
    """Of one viewer."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()
        self._known: dict[int, Step] = {}
        self._round_trips_ms: deque[float] = deque(maxlen=_PATH_SAMPLES)
        self._relays_ms: deque[float] = deque(maxlen=_PATH_SAMPLES)
        self._network_ms: float | None = None
        self._relay_ms = 0.0
        """Medians of these, one way."""

    def packed(self, unit: AccessUnit, *, taken_ns: int, now_ns: int) -> None:
        """`unit` had its turn at `taken_ns`, and is packed now."""
        if len(self._steps) == MOST_PICTURES:
            oldest = self._steps.popleft()
            if self._known.get(oldest.sequence) is oldest:  # a pipeline that was replaced counts from 0 again
                del self._known[oldest.sequence]
        step = Step(unit.sequence, unit.encoded_at_ns, taken_ns, now_ns)
        self._steps.append(step)
        self._known[unit.sequence] = step

    def sent(self, sequence: int, now_ns: int) -> None:
        """The last byte of a picture was handed to the socket."""
        step = self._known.get(sequence)
        if step is not None:
            step.sent_ns = now_ns

    def shown(self, sequence: int, now_ns: int, *, decode_us: int, paint_us: int) -> None:
        """The viewer's word came that it is shown; the first one counts."""
        step = self._known.get(sequence)
        if step is not None and not step.shown_ns:
            step.shown_ns, step.decode_us, step.paint_us = now_ns, decode_us, paint_us

    def path(self, *, round_trip_ms: float | None, relay_ms: float | None = None) -> None:
        """The network that carries told of its own round trip, and the relay of how long it holds things."""
        if round_trip_ms is not None:
            self._round_trips_ms.append(round_trip_ms)
        if relay_ms is not None:
            self._relays_ms.append(relay_ms)
        self._settle()

    def path_changed(self) -> None:
        """Another transport carries: what was known of the network was that of the one before."""
        self._round_trips_ms.clear()
        self._relays_ms.clear()
        self._settle()

    def _settle(self) -> None:
        median_ms = quantile(self._round_trips_ms, 0.5)
        self._network_ms = None if median_ms is None else median_ms / 2
        self._relay_ms = quantile(self._relays_ms, 0.5) or 0.0

    def steps(self) -> list[Step]:
        """All that are kept, oldest first."""
        return list(self._steps)

    def stages(self, now_ns: int) -> dict[Stage, Sequence[float]]:
        """Milliseconds of the second before `now_ns`; nothing of a stage that nobody measured."""
        recent = []
        for step in reversed(self._steps):
            if now_ns - max(step.packed_ns, step.shown_ns) > WINDOW_NS:
                break
            recent.append(step)
        shown = [step for step in recent if step.shown_ns]
        halves_ms = [trip_ms / 2 for step in shown if (trip_ms := step.trip_ms) is not None]
        half_ms = quantile(halves_ms, 0.5)
        networks_ms = [self.way(half_ms, one / 2).network_ms for one in self._round_trips_ms] if recent else []
        return {
            "queue": [(step.taken_ns - step.encoded_ns) / 1e6 for step in recent if step.encoded_ns],
            "packetise": [(step.packed_ns - step.taken_ns) / 1e6 for step in recent],
            "send": [(step.sent_ns - step.packed_ns) / 1e6 for step in recent if step.sent_ns],
            "relay": list(self._relays_ms) if recent else [],
            "network": networks_ms or halves_ms,
            "delivery": [self.way(half).delivery_ms for half in halves_ms] if networks_ms else [],
            "decode": [step.decode_us / 1e3 for step in shown if step.decode_us],
            "paint": [step.paint_us / 1e3 for step in shown if step.paint_us],
        }

    def way(self, half_trip_ms: float | None, network_ms: float | None = None) -> Way:
        """What the way there is made of; `network_ms`, where given, in the place of the path's median.

        Kernels acknowledge late at times, so their round trip may be longer than the viewer's own: that one counts.
        """
        network_ms = self._network_ms if network_ms is None else network_ms
        if half_trip_ms is None:
            return Way(self._relay_ms, network_ms or 0.0, 0.0)
        relay_ms = min(self._relay_ms, half_trip_ms)
        rest_ms = half_trip_ms - relay_ms
        if network_ms is None:  # nobody below knows: all of it counts as the network's
            return Way(relay_ms, rest_ms, 0.0)
        network_ms = min(network_ms, rest_ms)
        return Way(relay_ms, network_ms, rest_ms - network_ms)
