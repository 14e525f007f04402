"""Which transport carries a peer's picture: a pure decision of wish, measurements and time.

WebSocket comes first: its first frame needs no negotiation, and on loopback or a clean LAN nothing beats it. Where
the path stalls (a lost TCP segment holds back all that follow) WebRTC is opened and takes over once it is connected;
when it does not connect, breaks, or measures slower than the WebSocket did, the WebSocket takes over again. One that
had carried for a while and breaks is opened anew at once: the viewer's network is another one, no worse than that. The
numbers are in `docs/adr/0001-transport.md`. Leaves the doing to `transport/carrier.py`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from dillinger_contracts.signaling import TransportKind

from .transport.flow import PathMeasure

Wish = Literal["auto", "websocket", "webrtc"]

CONNECT_DEADLINE_S = 5.0
STALL_MS = 60.0
"""p95 - p50 of a clean path's round trips is a few ms; a lost segment costs a TCP sender a round trip or 200 ms."""
MIN_SAMPLES = 10
MEMORY_TICKS = 5
TROUBLED_TICKS = 3
SLOWER_MS = 15.0
"""About one frame at 60 Hz: less is not worth a change."""
LEAST_LOST = 2
"""Segments a second; one alone may be TCP's own guess, when an answer took long."""
STEADY_S = 10.0
"""WebRTC that carried so long was good: when it breaks it is opened anew at once."""
FIRST_RETRY_S = 20.0
MAX_RETRY_S = 640.0
STALLS = "WebRTC: the WebSocket stalls, lost packets hurt WebRTC less"
LIKE_BEFORE = "WebRTC: it carried the picture before the connection broke"


class WebRtcState(StrEnum):
    """How far WebRTC has come with this peer."""

    ABSENT = "absent"
    OPENING = "opening"
    OPEN = "open"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Choice:
    """What should be the case now; saying it again changes nothing."""

    carry: TransportKind
    is_webrtc_wanted: bool
    reason: str


class Chooser:
    """One peer's choice. `step` is called once a second with what the carrying path measured, and whenever the wish or
    WebRTC's state changes (with no measure)."""

    def __init__(self, *, wish: Wish, is_webrtc_able: bool, carried_by: TransportKind | None = None) -> None:
        """`carried_by` is what carried the picture until the viewer's connection was cut off, just now."""
        self._wish = wish
        self._is_able = is_webrtc_able
        self._carry: TransportKind = "websocket"
        self._reason = "WebSocket shows the first picture soonest"
        self._is_wanted = is_webrtc_able and wish == "auto" and carried_by == "webrtc"
        self._webrtc_reason = LIKE_BEFORE if self._is_wanted else STALLS
        self._opening_since_s: float | None = None
        self._carried_since_s: float | None = None
        """When WebRTC took over."""
        self._retry_at_s = 0.0
        self._retry_s = FIRST_RETRY_S
        self._troubles: deque[bool] = deque(maxlen=MEMORY_TICKS)
        self._left_websocket_at_ms: float | None = None

    def wish_for(self, wish: Wish) -> None:
        """The viewer chooses anew; what failed before is tried again at once."""
        if wish != self._wish:
            self._wish = wish
            self._retry_at_s, self._retry_s = 0.0, FIRST_RETRY_S
            if self._carry == "websocket":
                self._use_websocket("WebSocket: the path is clean")
            else:
                self._reason = "WebRTC: it carries the picture already"

    def step(self, now_s: float, *, webrtc: WebRtcState, measure: PathMeasure | None = None) -> Choice:
        """The choice at `now_s`; `measure` is of the path that carries."""
        self._follow(now_s, webrtc)
        if self._wish == "websocket":
            self._use_websocket("WebSocket, as you chose")
        elif not self._is_able:
            self._use_websocket("WebSocket: this browser has no WebRTC")
        elif self._wish == "webrtc":
            self._force_webrtc(now_s, webrtc)
        else:
            self._automatic(now_s, webrtc, measure)
        return Choice(self._carry, self._is_wanted, self._reason)

    def _follow(self, now_s: float, webrtc: WebRtcState) -> None:
        """Notes what became of WebRTC."""
        if webrtc is WebRtcState.OPENING:
            self._opening_since_s = now_s if self._opening_since_s is None else self._opening_since_s
            if self._is_wanted and now_s - self._opening_since_s >= CONNECT_DEADLINE_S:
                self._give_up(now_s, f"{self._failing()} did not connect within {CONNECT_DEADLINE_S:.0f} s")
            return
        self._opening_since_s = None
        if self._carry == "webrtc":
            self._carried_since_s = now_s if self._carried_since_s is None else self._carried_since_s
        if webrtc is WebRtcState.BROKEN and self._is_wanted:
            if self._carried_since_s is not None and now_s - self._carried_since_s >= STEADY_S:
                self._open_anew()
                return
            has_broken = self._carry == "webrtc"
            reason = "WebSocket: the WebRTC connection broke" if has_broken else f"{self._failing()} could not connect"
            self._give_up(now_s, reason)

    def _force_webrtc(self, now_s: float, webrtc: WebRtcState) -> None:
        self._is_wanted = self._is_wanted or now_s >= self._retry_at_s
        if not self._is_wanted:
            return
        if webrtc is WebRtcState.OPEN:
            self._carry, self._reason = "webrtc", "WebRTC, as you chose"
        else:
            self._carry, self._reason = "websocket", "WebSocket until WebRTC is connected"

    def _automatic(self, now_s: float, webrtc: WebRtcState, measure: PathMeasure | None) -> None:
        if self._carry == "webrtc":
            self._judge_webrtc(now_s, measure)
            return
        if measure is not None:
            self._troubles.append(_is_stalling(measure))
        if self._is_wanted and webrtc is WebRtcState.OPEN:
            self._carry, self._reason = "webrtc", self._webrtc_reason
            self._troubles.clear()
        elif not self._is_wanted and sum(self._troubles) >= TROUBLED_TICKS and now_s >= self._retry_at_s:
            self._is_wanted, self._webrtc_reason = True, STALLS
            if measure is not None:
                self._left_websocket_at_ms = measure.latency_ms_p50

    def _judge_webrtc(self, now_s: float, measure: PathMeasure | None) -> None:
        before_ms = self._left_websocket_at_ms
        if measure is None or measure.latency_ms_p50 is None or before_ms is None or measure.samples < MIN_SAMPLES:
            return
        self._troubles.append(measure.latency_ms_p50 > before_ms + SLOWER_MS)
        if sum(self._troubles) == MEMORY_TICKS:
            self._give_up(now_s, "WebSocket: WebRTC measured slower")

    def _failing(self) -> str:
        """The beginning of what is said of an attempt that fails."""
        is_second = self._webrtc_reason is LIKE_BEFORE
        return "WebSocket: the WebRTC connection broke, and anew" if is_second else "WebSocket: WebRTC"

    def _open_anew(self) -> None:
        self._use_websocket("WebSocket: the WebRTC connection broke, and is opened anew")
        self._is_wanted, self._webrtc_reason = True, LIKE_BEFORE

    def _give_up(self, now_s: float, reason: str) -> None:
        self._use_websocket(reason)
        self._retry_at_s = now_s + self._retry_s
        self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)

    def _use_websocket(self, reason: str) -> None:
        self._carry, self._is_wanted, self._reason = "websocket", False, reason
        self._carried_since_s = None
        self._troubles.clear()


def _is_stalling(measure: PathMeasure) -> bool:
    """Whether the path held frames back. A busy machine does that too, but it makes TCP lose nothing."""
    if measure.lost_segments is not None and measure.lost_segments < LEAST_LOST:
        return False
    if measure.dropped:
        return True
    p50, p95 = measure.rtt_ms_p50, measure.rtt_ms_p95
    return measure.samples >= MIN_SAMPLES and p50 is not None and p95 is not None and p95 - p50 > STALL_MS
