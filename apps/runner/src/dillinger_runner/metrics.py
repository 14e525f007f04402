"""The runner's Prometheus figures; the only file that knows prometheus_client. What is not measured is absent, never
zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dillinger_contracts import EndReason, RunnerSession, SeatStats, SessionState, SessionUsage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OF_USAGE = {
    "cpu_s": ("cpu_seconds", "Processor time of seat and cell"),
    "memory_bytes": ("memory_bytes", "Memory of seat and cell"),
    "processes": ("processes", "Processes of seat and cell"),
    "network_bytes": ("network_bytes", "Carried by the game's network"),
    "gpu": ("gpu_share", "Share of a graphics card, 0 to 1"),
    "gpu_memory_bytes": ("gpu_memory_bytes", "Memory on graphics cards"),
}
_OF_STATS = {
    "capture_fps": ("capture_fps", "Pictures captured per second"),
    "shown_fps": ("shown_fps", "Pictures that the player was shown per second"),
    "latency_ms": ("latency_ms", "Captured to shown, at the player"),
    "round_trip_ms": ("round_trip_ms", "To the player's browser and back"),
    "loss_ratio": ("loss_ratio", "Packets lost on the way to the player, 0 to 1"),
}
"""Field → name and text of the figure, `dillinger_session_…`."""


class RunnerMetrics:
    """Counts since the runner's start, and a page of them with what is measured now."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._ended = Counter(
            "dillinger_runner_sessions_ended", "Sessions that ended, by reason", ["reason"], registry=self._registry
        )
        self._restarted = Counter(
            "dillinger_runner_sessions_restarted", "Sessions that were started once more", registry=self._registry
        )
        self._start_s = Histogram(
            "dillinger_runner_session_start_seconds",
            "From the request to the game's first picture",
            buckets=(0.5, 1, 1.5, 2, 3, 4, 6, 10, 20, 30, 60),
            registry=self._registry,
        )

    def restarted(self) -> None:
        """A session lost its cell or seat and is started once more."""
        self._restarted.inc()

    def ended(self, reason: EndReason) -> None:
        """A session ended."""
        self._ended.labels(reason.value).inc()

    def started(self, duration_s: float) -> None:
        """A session became ready for the first time."""
        self._start_s.observe(duration_s)

    def page(self, sessions: Sequence[RunnerSession], usages: Mapping[str, SessionUsage]) -> bytes:
        """The text that Prometheus reads."""
        now = CollectorRegistry()
        now.register(_Present(sessions, usages))
        return generate_latest(self._registry) + generate_latest(now)


class _Present(Collector):
    """What is measured at this moment."""

    def __init__(self, sessions: Sequence[RunnerSession], usages: Mapping[str, SessionUsage]) -> None:
        self._sessions = sessions
        self._usages = usages

    def collect(self) -> Iterator[Metric]:
        states = GaugeMetricFamily("dillinger_runner_sessions", "Sessions, by state", labels=["state"])
        for state in SessionState:
            if state is not SessionState.ENDED:
                states.add_metric([state.value], sum(session.state is state for session in self._sessions))
        yield states
        usages = [(session, self._usages.get(session.session_id)) for session in self._sessions]
        yield from _gauges(_OF_USAGE, usages)
        yield from _gauges(_OF_STATS, [(session, session.stats) for session in self._sessions])
        yield self._stages()

    def _stages(self) -> Metric:
        gauge = GaugeMetricFamily(
            "dillinger_session_stage_ms",
            "Where a picture's time goes on its way to the player, by stage; quantiles of the last second",
            labels=["session_id", "game_id", "stage", "quantile"],
        )
        for session in self._sessions:
            times = (
                (("0.5", session.stats.stages_ms_p50), ("0.95", session.stats.stages_ms_p95)) if session.stats else ()
            )
            for share, stages_ms in times:
                for stage, value in stages_ms.items():
                    gauge.add_metric([session.session_id, session.game_id, stage, share], value)
        return gauge


def _gauges(
    figures: Mapping[str, tuple[str, str]], sources: Sequence[tuple[RunnerSession, SessionUsage | SeatStats | None]]
) -> Iterator[Metric]:
    for field, (name, doc) in figures.items():
        gauge = GaugeMetricFamily(f"dillinger_session_{name}", doc, labels=["session_id", "game_id"])
        for session, source in sources:
            value = getattr(source, field, None)
            if value is not None:
                gauge.add_metric([session.session_id, session.game_id], value)
        yield gauge
