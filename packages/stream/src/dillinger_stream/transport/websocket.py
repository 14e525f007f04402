"""The WebSocket transport: access units and Opus packets as `contracts/media` frames on the signaling socket.

It decides what is worth sending; the `Outlet` writes. A viewer that falls behind (see `flow`) is dropped to the next
keyframe, which is asked for when it has caught up: what it shows late would be late for ever otherwise.

    awaiting_keyframe ── keyframe ──▶ flowing ── late ──▶ stalled ── caught up, or probed ──▶ awaiting_keyframe
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from enum import Enum, auto

from dillinger_contracts.media import pack_picture_header, pack_sound_header
from dillinger_contracts.signaling import SignalMessage, TcpPath, TransportKind
from dillinger_stream.frames import AccessUnit, SoundPacket

from .base import NetworkFeedback
from .feedback import FeedbackMailbox
from .flow import FlowWindow, PathMeasure
from .outlet import Outlet
from .rate import PathState
from .tcp_path import TcpGauge
from .trail import Trail

PROBE_AFTER_NS = 1_000_000_000
MAX_PROBE_AFTER_NS = 8_000_000_000
"""A stalled viewer (a hidden tab, a dead network) gets a keyframe after so long, in case its `shown` was lost."""


class _Phase(Enum):
    AWAITING_KEYFRAME = auto()
    FLOWING = auto()
    STALLED = auto()


class WebSocketTransport:
    """Pictures and sound of one peer over its signaling socket."""

    kind: TransportKind = "websocket"

    def __init__(
        self, outlet: Outlet, *, trail: Trail | None = None, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._outlet = outlet
        self._clock_ns = clock_ns
        self._trail = trail or Trail()
        outlet.on_picture_sent = lambda sequence: self._trail.sent(sequence, clock_ns())
        self._window = FlowWindow()
        self._gauge = TcpGauge()
        self._mailbox = FeedbackMailbox()
        self._phase = _Phase.AWAITING_KEYFRAME
        self._phase_since_ns = clock_ns()
        self._probe_after_ns = PROBE_AFTER_NS
        self._last_sequence = -1
        self._dropped_since_measure = 0
        self.dropped_frames = 0
        """Units that this viewer never got because it was late."""

    async def negotiate(self, message: SignalMessage) -> list[SignalMessage]:
        """There is nothing to negotiate."""
        return []

    def push(self, unit: AccessUnit) -> None:
        """Queues `unit`, or drops it when the viewer is late or its decoder lacks what the unit builds on."""
        now_ns = self._clock_ns()
        if unit.sequence <= self._last_sequence:
            return
        if self._phase is _Phase.FLOWING and self._window.is_late(now_ns):
            self._stall(now_ns)
        if self._phase is _Phase.STALLED or (self._phase is _Phase.AWAITING_KEYFRAME and not unit.is_keyframe):
            self._drop(1 if self._phase is _Phase.STALLED else 0)
            return
        if unit.is_keyframe:
            self._forget_queued()  # nobody needs what comes before a keyframe
        message = _picture_message(unit)
        self._trail.packed(unit, taken_ns=now_ns, now_ns=self._clock_ns())
        if not self._outlet.add_picture(unit.sequence, message):
            self._stall(now_ns)
            self._drop(1)
            return
        self._last_sequence = unit.sequence
        self._window.sent(unit.sequence, captured_at_ns=unit.captured_at_ns, now_ns=now_ns)
        self._enter(_Phase.FLOWING, now_ns)

    def push_sound(self, packet: SoundPacket) -> None:
        """Queues `packet`; late sound is dropped by the outlet."""
        header = pack_sound_header(sequence=packet.sequence, captured_at_us=packet.captured_at_ns // 1000)
        self._outlet.add_sound(header + packet.data)

    def shown(self, sequence: int, *, browser_us: int, paint_us: int = 0) -> None:
        """The browser says that it has drawn a frame, for which it took `browser_us`, of that `paint_us` for drawing; a
        made-up number changes nothing."""
        now_ns = self._clock_ns()
        if not self._window.shown(sequence, browser_us=browser_us, now_ns=now_ns):
            return
        self._trail.shown(sequence, now_ns, decode_us=browser_us - paint_us, paint_us=paint_us)
        self._probe_after_ns = PROBE_AFTER_NS
        if self._phase is _Phase.STALLED and not self._window.in_flight:
            self._want_keyframe()

    def restart(self) -> None:
        """The viewer's decoder starts anew: what is under way counts no more, and only a keyframe helps."""
        self._window.forget()
        self._forget_queued()
        self._want_keyframe()

    def tick(self) -> None:
        """Once a second: asks again for what did not come."""
        waited_ns = self._clock_ns() - self._phase_since_ns
        if self._phase is _Phase.STALLED and waited_ns >= self._probe_after_ns:
            self._probe_after_ns = min(2 * self._probe_after_ns, MAX_PROBE_AFTER_NS)
            self._window.forget()
            self._want_keyframe()

    def told(self, path: TcpPath) -> PathState | None:
        """The kernel's word on the connection; what it makes of the path, None where it can't speak for all of it."""
        now_s = self._clock_ns() / 1e9
        state = self._gauge.take(path, now_s)
        return state if self._gauge.knows(now_s, browser_rtt_ms=self._window.base_ms) else None

    def measure(self) -> PathMeasure:
        """What this path did since the last call."""
        dropped, self._dropped_since_measure = self._dropped_since_measure, 0
        now_s = self._clock_ns() / 1e9
        is_known = self._gauge.knows(now_s, browser_rtt_ms=self._window.base_ms)
        lost = self._gauge.lost(now_s) if is_known else None
        measure = replace(self._window.measure(dropped=dropped), lost_segments=lost)
        self._mailbox.put(NetworkFeedback(rtt_ms=measure.rtt_ms_p50, backlog_frames=measure.backlog_frames))
        return measure

    def feedback(self) -> AsyncIterator[NetworkFeedback]:
        """Keyframe wishes and the measured round trip."""
        return self._mailbox.read()

    async def close(self) -> None:
        """Ends `feedback`; the socket is the peer's."""
        self._mailbox.close()

    def _stall(self, now_ns: int) -> None:
        self._drop(self._forget_queued())
        self._enter(_Phase.STALLED, now_ns)
        if not self._window.in_flight:
            self._want_keyframe()

    def _want_keyframe(self) -> None:
        self._enter(_Phase.AWAITING_KEYFRAME, self._clock_ns())
        self._mailbox.put(NetworkFeedback(keyframe_wanted=True))

    def _enter(self, phase: _Phase, now_ns: int) -> None:
        if phase is not self._phase:
            self._phase = phase
            self._phase_since_ns = now_ns

    def _forget_queued(self) -> int:
        dropped = self._outlet.drop_pictures()
        for sequence in dropped:
            self._window.unsent(sequence)
        return len(dropped)

    def _drop(self, units: int) -> None:
        self.dropped_frames += units
        self._dropped_since_measure += units


def _picture_message(unit: AccessUnit) -> bytes:
    header = pack_picture_header(
        sequence=unit.sequence, captured_at_us=unit.captured_at_ns // 1000, width_px=unit.width_px,
        height_px=unit.height_px, box=unit.box, is_keyframe=unit.is_keyframe,
    )  # fmt: skip
    return header + unit.data
