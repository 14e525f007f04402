"""What the link does while a case is measured: a name and a row of phases; and who can be measured over it. Data only.

A delay is that of one direction, so half of the round trip that a scenario is named for. Loss, jitter and reordering
hold in both directions, a rate towards the browser only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from dillinger_bench.measure import Transport

from .link import LinkProfile

Peer = Literal["selkies-webrtc", "selkies-websocket"]
PEERS: tuple[Peer, ...] = get_args(Peer)
TRANSPORTS: tuple[Transport, ...] = ("websocket", "webrtc", "auto")

MBPS = 1e6
HALF_OF_50_MS = LinkProfile(delay_ms=25)


@dataclass(frozen=True, slots=True)
class Phase:
    """The link for some seconds."""

    duration_s: float
    down: LinkProfile
    up: LinkProfile


@dataclass(frozen=True, slots=True)
class Scenario:
    """Phases one after the other; figures are taken over those that are not for settling."""

    name: str
    doc: str
    phases: tuple[Phase, ...]
    settle_s: float = 8.0
    """From the start of the first phase: so long a change of transport and of bitrate may take."""
    recovers_in_phase: int | None = None
    """The phase at whose start the link is good again, after one in which it was not."""

    @property
    def round_trip_s(self) -> float:
        """Of its first phase, without queues."""
        first = self.phases[0]
        return (first.down.delay_ms + first.up.delay_ms) / 1000


def _steady(name: str, doc: str, way: LinkProfile, *, measured_s: float = 12.0) -> Scenario:
    return Scenario(name, doc, (Phase(8.0 + measured_s, way, replace(way, rate_bps=None)),))


def _changing(name: str, doc: str, *ways: tuple[float, LinkProfile], settle_s: float = 0.0) -> Scenario:
    phases = tuple(Phase(seconds, way, replace(way, rate_bps=None)) for seconds, way in ways)
    return Scenario(name, doc, phases, settle_s=settle_s, recovers_in_phase=len(ways) - 1)


_WIDE = replace(HALF_OF_50_MS, rate_bps=20 * MBPS)
_NARROW = replace(HALF_OF_50_MS, rate_bps=1 * MBPS)

SCENARIOS = (
    _steady("clean", "no delay, no loss", LinkProfile()),
    _steady("rtt-20", "20 ms round trip", LinkProfile(delay_ms=10)),
    _steady("rtt-50", "50 ms round trip", HALF_OF_50_MS),
    _steady("rtt-100", "100 ms round trip", LinkProfile(delay_ms=50)),
    _steady("loss-1", "50 ms, 1 % loss", replace(HALF_OF_50_MS, loss_ratio=0.01)),
    _steady("loss-5", "50 ms, 5 % loss", replace(HALF_OF_50_MS, loss_ratio=0.05)),
    _steady("loss-10", "50 ms, 10 % loss", replace(HALF_OF_50_MS, loss_ratio=0.1)),
    _steady("bursts", "50 ms, 2 % loss in bursts of 8", replace(HALF_OF_50_MS, loss_ratio=0.02, burst_packets=8)),
    _steady("jitter", "50 ms, jitter of 10 ms", replace(HALF_OF_50_MS, jitter_ms=10)),
    _steady("reorder", "50 ms, 2 % come 10 ms late", replace(HALF_OF_50_MS, reorder_ratio=0.02)),
    _steady("narrow", "50 ms, 4 Mbit/s", replace(HALF_OF_50_MS, rate_bps=4 * MBPS)),
    _changing("drop", "50 ms, 20 → 1 → 20 Mbit/s", (8.0, _WIDE), (10.0, _NARROW), (12.0, _WIDE), settle_s=4.0),
    _changing(
        "udp-blocked", "50 ms, 5 % loss until UDP is blocked after 10 s",
        (10.0, replace(HALF_OF_50_MS, loss_ratio=0.05)), (14.0, replace(HALF_OF_50_MS, is_udp_blocked=True)),
        settle_s=10.0,
    ),
)  # fmt: skip


def by_name() -> dict[str, Scenario]:
    """The scenarios."""
    return {scenario.name: scenario for scenario in SCENARIOS}
