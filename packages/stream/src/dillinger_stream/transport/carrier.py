"""What carries one peer's picture and sound: its WebSocket, or WebRTC once that pays, and the change between them.

Level-triggered: `choose.Chooser` says what should be the case, `_settle` brings it about. A change leaves no black
gap: the old path goes on until the keyframe with which the new one starts, unless the old one is broken. Lives on the
loop; the tasks it starts belong to the peer's TaskGroup.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from dillinger_contracts.errors import Invalid
from dillinger_contracts.ice import MediaAccess
from dillinger_contracts.input import Shown
from dillinger_contracts.session import VideoFormat
from dillinger_contracts.signaling import (
    Candidate,
    Description,
    FromSeat,
    TcpPath,
    TransportChosen,
    TransportKind,
    VideoConfig,
)
from dillinger_stream.choose import Chooser, WebRtcState, Wish
from dillinger_stream.frames import AccessUnit, SoundPacket

from .base import NetworkFeedback, Transport
from .flow import PathMeasure
from .outlet import Outlet
from .rate import PathState
from .steering import Steering
from .trail import Trail
from .udp_port import UdpPort
from .websocket import WebSocketTransport

if TYPE_CHECKING:
    from .webrtc import Channel, WebRtcTransport

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CarrierParts:
    """What a carrier needs of its peer."""

    outlet: Outlet
    group: asyncio.TaskGroup
    want_keyframe: Callable[[], None]
    on_input: Callable[[Channel, bytes | str], None]
    on_offered: Callable[[], None]
    on_target: Callable[[], None]
    """`target_bps` or what `takes` says has changed."""
    wish_bps: Callable[[], int]
    """What the viewer would like."""
    has_sound: bool
    port: UdpPort
    access: MediaAccess


class Carrier:
    """One peer's media path."""

    def __init__(
        self, parts: CarrierParts, *, wish: Wish, is_webrtc_able: bool, carried_by: TransportKind | None = None
    ) -> None:
        """`carried_by` is what carried the picture until the viewer's connection was cut off, just now."""
        self._parts = parts
        self._chooser = Chooser(wish=wish, is_webrtc_able=is_webrtc_able, carried_by=carried_by)
        self.trail = Trail()
        """What became of the viewer's pictures."""
        self._websocket = WebSocketTransport(parts.outlet, trail=self.trail)
        self._webrtc: WebRtcTransport | None = None
        self._webrtc_state = WebRtcState.ABSENT
        self._active: WebSocketTransport | WebRtcTransport = self._websocket
        self._next: WebSocketTransport | WebRtcTransport | None = None
        self._told: tuple[TransportKind, str] | None = None
        self._reason = ""
        self._config: VideoConfig | None = None
        self._latency_ms: float | None = None
        self._steering = Steering(wish_bps=parts.wish_bps, on_target=parts.on_target)
        self._is_closed = False
        self._dropped_by_gone = 0

    @property
    def kind(self) -> TransportKind:
        """What carries the picture now."""
        return self._active.kind

    @property
    def latency_ms_p50(self) -> float | None:
        """Captured → shown in the last second, None where nothing was shown."""
        return self._latency_ms

    @property
    def dropped_frames(self) -> int:
        """Units that this viewer never got because it was late."""
        webrtc = self._webrtc.dropped_frames if self._webrtc else 0
        return self._websocket.dropped_frames + webrtc + self._dropped_by_gone

    @property
    def target_bps(self) -> int | None:
        """What the path bears; None where it bears what is wished."""
        return self._steering.target_bps

    @property
    def hold_until_ns(self) -> int:
        """Until then (monotonic) the path is too full for any picture."""
        return self._steering.hold_until_ns

    def takes(self, decodes: frozenset[VideoFormat]) -> frozenset[VideoFormat]:
        """The formats that come through to a browser whose WebCodecs do `decodes`; WebRTC has decoders of its own.

        While one path hands over to the other, those that both take, where there are any.
        """
        paths = [self._active] if self._next is None else [self._active, self._next]
        each = [decodes if path is self._websocket else self._agreed for path in paths]
        return frozenset.intersection(*each) or each[-1]

    @property
    def _agreed(self) -> frozenset[VideoFormat]:
        return self._webrtc.formats if self._webrtc is not None else frozenset()

    def start(self) -> None:
        """Tells the browser what carries first; the keyframe is the caller's to ask for."""
        self._listen_to(self._websocket)
        self.decide()

    def push(self, unit: AccessUnit) -> None:
        """One unit for the viewer; never blocks."""
        if unit.is_keyframe:
            if self._active is not self._websocket and unit.format not in self._agreed:
                self._next = self._websocket  # others decide what is encoded; WebRTC comes again when it is for it
            if self._next is not None and (self._next is self._websocket or unit.format in self._agreed):
                self._hand_over()
            config = _config_of(unit)
            if config != self._config:
                self._config = config
                self._say(config)
        self._active.push(unit)

    def push_sound(self, packet: SoundPacket) -> None:
        """One sound packet for the viewer; never blocks."""
        self._active.push_sound(packet)

    def restart(self) -> None:
        """The viewer's decoder starts anew."""
        self._config = None
        self._active.restart()

    def wish_for(self, wish: Wish) -> None:
        """The viewer chooses a transport."""
        self._chooser.wish_for(wish)
        self.decide()

    def shown(self, event: Shown, *, over: TransportKind) -> None:
        """The viewer has drawn a frame of the transport `over` which it says so."""
        transport = self._websocket if over == "websocket" else self._webrtc
        if transport is not None:
            transport.shown(event.frame, browser_us=event.decode_us + event.draw_us, paint_us=event.draw_us)

    async def negotiate(self, message: Description | Candidate) -> None:
        """The browser's answer or a candidate; raises `Invalid` when it can't be used, and then gives WebRTC up."""
        webrtc = self._webrtc
        if webrtc is None:
            return  # given up meanwhile; a late message is no fault
        try:
            await webrtc.negotiate(message)
        except Invalid:
            if isinstance(message, Description):
                self._on_webrtc_state(webrtc, WebRtcState.BROKEN)
            raise

    def tcp_path(self, path: TcpPath) -> None:
        """The kernel's word on the socket's connection."""
        state = self._websocket.told(path)
        if state is not None and self._active is self._websocket:
            self._steering.follow(state)
            self.trail.path(round_trip_ms=path.rtt_ms, relay_ms=path.relay_ms)

    async def tick(self) -> None:
        """Once a second."""
        self._websocket.tick()
        measure = self._websocket.measure()
        if self._webrtc is not None:
            webrtc_measure = await self._webrtc.measure()
            if self.kind == "webrtc":
                measure = webrtc_measure
                self.trail.path(round_trip_ms=self._webrtc.round_trip_ms)
        self._latency_ms = measure.latency_ms_p50
        self._steering.tick(measure)
        self.decide(measure)

    def decide(self, measure: PathMeasure | None = None) -> None:
        """Chooses, and brings about what was chosen."""
        if self._is_closed:
            return
        before = (self._active, self._next)
        choice = self._chooser.step(time.monotonic(), webrtc=self._webrtc_state, measure=measure)
        self._reason = choice.reason
        wanted = self._webrtc if choice.carry == "webrtc" and self._webrtc is not None else self._websocket
        if wanted is self._active:
            self._next = None
        elif wanted is not self._next:
            self._next = wanted
            wanted.restart()
            self._parts.want_keyframe()
            if self._active is self._webrtc and self._webrtc_state is not WebRtcState.OPEN:
                self._hand_over()
        if self._next is None and (not choice.is_webrtc_wanted or self._webrtc_state is WebRtcState.BROKEN):
            self._drop_webrtc()
        if choice.is_webrtc_wanted and self._webrtc_state is WebRtcState.ABSENT:
            self._webrtc_state = WebRtcState.OPENING
            self._parts.group.create_task(self._open_webrtc(), name="webrtc_open")
        if (self._active, self._next) != before:
            self._parts.on_target()
        self._tell()

    async def close(self) -> None:
        """Ends both paths; idempotent."""
        self._is_closed = True
        await self._websocket.close()
        if self._webrtc is not None:
            await self._webrtc.close()

    def _hand_over(self) -> None:
        assert self._next is not None
        self._active, self._next = self._next, None
        self._steering.restart()
        self.trail.path_changed()
        self._config = None
        self._parts.on_target()
        self._tell()

    def _tell(self) -> None:
        now = (self.kind, self._reason)
        if now != self._told and self._next is None:
            self._told = now
            log.info("transport_chosen", transport=self.kind, reason=self._reason)
            self._say(TransportChosen(transport=self.kind, reason=self._reason))

    def _say(self, message: FromSeat) -> None:
        self._parts.outlet.say(message)

    async def _open_webrtc(self) -> None:
        try:
            module = await asyncio.to_thread(importlib.import_module, "dillinger_stream.transport.webrtc")
            webrtc: WebRtcTransport = module.WebRtcTransport(
                has_sound=self._parts.has_sound, port=self._parts.port, access=self._parts.access,
                on_input=self._parts.on_input, on_state=lambda state: self._on_webrtc_state(webrtc, state),
                on_path=lambda state: self._on_webrtc_path(webrtc, state), pace_bps=self._steering.pace_bps,
                is_duplicated=lambda: self._steering.is_duplicated, trail=self.trail,
            )  # fmt: skip
            self._webrtc = webrtc
            offer = await webrtc.offer()
        except (OSError, ValueError, ImportError) as error:
            log.warning("webrtc_unavailable", error=str(error))
            self._webrtc_state = WebRtcState.BROKEN
            self.decide()
            return
        if self._webrtc is webrtc:  # not given up meanwhile
            self._listen_to(webrtc)
            self._parts.on_offered()
            self._say(offer)

    def _on_webrtc_state(self, webrtc: WebRtcTransport, state: WebRtcState) -> None:
        if webrtc is self._webrtc:
            self._webrtc_state = state
            self.decide()

    def _on_webrtc_path(self, webrtc: WebRtcTransport, state: PathState) -> None:
        if webrtc is self._active:
            self._steering.follow(state)

    def _drop_webrtc(self) -> None:
        webrtc, self._webrtc = self._webrtc, None
        if webrtc is not None:
            self._webrtc_state = WebRtcState.ABSENT
            self._dropped_by_gone += webrtc.dropped_frames
            self._parts.group.create_task(webrtc.close(), name="webrtc_close")
        elif self._webrtc_state is WebRtcState.BROKEN:
            self._webrtc_state = WebRtcState.ABSENT

    def _listen_to(self, transport: Transport) -> None:
        self._parts.group.create_task(self._follow(transport), name=f"{transport.kind}_feedback")

    async def _follow(self, transport: Transport) -> None:
        feedback: NetworkFeedback
        async for feedback in transport.feedback():
            if feedback.keyframe_wanted:
                self._parts.want_keyframe()


def _config_of(unit: AccessUnit) -> VideoConfig:
    desktop = unit.desktop_px if unit.desktop_px != (unit.width_px, unit.height_px) else None
    width_px, height_px = desktop or (None, None)
    return VideoConfig(
        codec=unit.codec, width_px=unit.width_px, height_px=unit.height_px,
        desktop_width_px=width_px, desktop_height_px=height_px,
    )  # fmt: skip
