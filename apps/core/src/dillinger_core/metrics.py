"""Core's own figures for Prometheus. One registry per app, so that several can live in one process (tests do)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The figures."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "dillinger_core_http_requests", "Answered requests", ["method", "status"], registry=self._registry
        )
        self.logins = Counter("dillinger_core_logins", "Tried logins", ["result"], registry=self._registry)
        self.relays = Gauge("dillinger_core_relays", "Open stream relays", registry=self._registry)
        self.watches = Gauge("dillinger_core_watches", "Standard players that watch (WHEP)", registry=self._registry)
        self.relayed_bytes = Counter(
            "dillinger_core_relayed_bytes", "Bytes of relayed messages", ["direction"], registry=self._registry
        )
        self.relayed_messages = Counter(
            "dillinger_core_relayed_messages", "Relayed messages", ["direction"], registry=self._registry
        )
        self.sessions_live = Gauge(
            "dillinger_core_sessions_live", "Sessions that have not ended", registry=self._registry
        )
        self.runner_reachable = Gauge(
            "dillinger_core_runner_reachable", "Whether a runner answers", registry=self._registry
        )
        self.runner_up = Gauge(
            "dillinger_core_runner_up", "Whether this runner answers", ["runner"], registry=self._registry
        )
        self.runner_sessions = Gauge(
            "dillinger_core_runner_sessions_live", "Sessions of this runner", ["runner"], registry=self._registry
        )

    def exposition(self) -> bytes:
        """The figures in Prometheus' text format."""
        return generate_latest(self._registry)
