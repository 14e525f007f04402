"""What carries the picture to a standard player that watches: the WebRTC connection that it offered, and nothing else.

Beside `carrier.py`, which serves browsers, there is nothing to choose: no WebSocket carries media, and where the
connection fails the conversation is over; the player may come again. Lives on the loop; its tasks belong to the peer's
TaskGroup.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from typing import TYPE_CHECKING

import structlog

from dillinger_contracts.errors import DillingerError, Unavailable, problem_of
from dillinger_contracts.input import Shown
from dillinger_contracts.session import VideoFormat
from dillinger_contracts.signaling import Candidate, Description, Notice, TcpPath, TransportKind
from dillinger_stream.choose import WebRtcState, Wish
from dillinger_stream.errors import WebRtcError
from dillinger_stream.formats import TITLES
from dillinger_stream.frames import AccessUnit, SoundPacket

from .carrier import CarrierParts
from .flow import PathMeasure
from .rate import PathState
from .steering import Steering
from .trail import Trail

if TYPE_CHECKING:
    from .webrtc import Channel, WebRtcTransport

log = structlog.get_logger()

CONNECT_DEADLINE_S = 20.0
"""From the answer on; candidates may trickle in meanwhile."""
UNFIT_DEADLINE_S = 20.0
"""A change of the format takes a keyframe; this long, and the others can't do without theirs."""


class OfferedCarrier:
    """One watching player's media path."""

    kind: TransportKind = "webrtc"

    def __init__(self, parts: CarrierParts, *, offer: str) -> None:
        self._parts = parts
        self._offer = offer
        self._webrtc: WebRtcTransport | None = None
        self._opened_at_s = time.monotonic()
        self._steering = Steering(wish_bps=parts.wish_bps, on_target=parts.on_target)
        self.trail = Trail()
        """What became of its pictures, as far as the seat knows."""
        self._is_connected = asyncio.Event()
        self._unfit_since_s: float | None = None
        """Since when pictures are in a format that the player does not take."""
        self._is_closed = False

    latency_ms_p50: float | None = None
    """A standard player does not tell when it shows something."""

    @property
    def dropped_frames(self) -> int:
        """Units that this viewer never got because it was late."""
        return self._webrtc.dropped_frames if self._webrtc is not None else 0

    @property
    def target_bps(self) -> int | None:
        """What the path bears; None where it bears what is wished."""
        return self._steering.target_bps

    @property
    def hold_until_ns(self) -> int:
        """Until then (monotonic) the path is too full for any picture."""
        return self._steering.hold_until_ns

    def takes(self, decodes: frozenset[VideoFormat]) -> frozenset[VideoFormat]:
        """What was agreed on; until then, and for `decodes`, whatever others take."""
        formats = self._webrtc.formats if self._webrtc is not None else frozenset[VideoFormat]()
        return formats or decodes

    def start(self) -> None:
        """Answers the offer; the conversation ends where that can't be done."""
        self._parts.group.create_task(self._answer(), name="webrtc_answer")

    def push(self, unit: AccessUnit) -> None:
        """One unit for the viewer, once it is there; never blocks."""
        webrtc = self._webrtc
        if webrtc is None or not self._is_connected.is_set():
            return
        if unit.format in webrtc.formats:
            self._unfit_since_s = None
        elif self._unfit_since_s is None:
            self._unfit_since_s = time.monotonic()
        webrtc.push(unit)

    def push_sound(self, packet: SoundPacket) -> None:
        """One sound packet for the viewer, once it is there; never blocks."""
        if self._webrtc is not None and self._is_connected.is_set():
            self._webrtc.push_sound(packet)

    async def negotiate(self, message: Description | Candidate) -> None:
        """A candidate of the player; raises `Invalid` when it can't be used."""
        if self._webrtc is not None:
            await self._webrtc.negotiate(message)

    async def tick(self) -> None:
        """Once a second."""
        if self._webrtc is None:
            return
        measure: PathMeasure = await self._webrtc.measure()
        self.trail.path(round_trip_ms=self._webrtc.round_trip_ms)
        self._steering.tick(measure)
        now_s = time.monotonic()
        if not self._is_connected.is_set() and now_s - self._opened_at_s > CONNECT_DEADLINE_S:
            self._fail(Unavailable(f"No connection came about within {CONNECT_DEADLINE_S:.0f} s"))
        if self._unfit_since_s is not None and now_s - self._unfit_since_s > UNFIT_DEADLINE_S:
            codecs = ", ".join(sorted(TITLES[one] for one in self._webrtc.formats))
            self._fail(Unavailable(f"The others who watch take no {codecs}, and this player nothing else"))

    async def close(self) -> None:
        """Ends the connection; idempotent."""
        self._is_closed = True
        if self._webrtc is not None:
            await self._webrtc.close()

    def restart(self) -> None:
        """Players ask for keyframes by RTCP."""

    def wish_for(self, wish: Wish) -> None:
        """There is no other transport."""

    def shown(self, event: Shown, *, over: TransportKind) -> None:
        """Players do not tell."""

    def tcp_path(self, path: TcpPath) -> None:
        """No media goes by TCP."""

    async def _answer(self) -> None:
        parts = self._parts
        try:
            module = await asyncio.to_thread(importlib.import_module, "dillinger_stream.transport.webrtc")
            webrtc: WebRtcTransport = module.WebRtcTransport(
                has_sound=parts.has_sound, offer=self._offer, port=parts.port, access=parts.access,
                on_input=_ignore, on_state=self._on_state, on_path=self._on_path, pace_bps=self._steering.pace_bps,
                is_duplicated=lambda: self._steering.is_duplicated, trail=self.trail,
            )  # fmt: skip
            self._webrtc = webrtc
            answer = await webrtc.answer()
        except WebRtcError as error:
            self._fail(error)
        except (OSError, ImportError) as error:
            log.warning("webrtc_unavailable", error=str(error))
            self._fail(Unavailable("The seat can't answer with WebRTC now"))
        else:
            parts.outlet.say(answer)
            parts.on_target()
            async for feedback in webrtc.feedback():
                if feedback.keyframe_wanted:
                    parts.want_keyframe()

    def _on_state(self, state: WebRtcState) -> None:
        if self._is_closed:
            return
        if state is WebRtcState.OPEN:
            self._is_connected.set()
            self._parts.want_keyframe()
        elif state is WebRtcState.BROKEN:
            self._fail(Unavailable("The WebRTC connection is over"))

    def _on_path(self, state: PathState) -> None:
        self._steering.follow(state)

    def _fail(self, error: DillingerError) -> None:
        outlet = self._parts.outlet
        outlet.say(Notice(level="error", code=error.code, message=error.message, hint=error.hint))
        outlet.finish(problem_of(error).close_code, error.message)


def _ignore(_: Channel, __: bytes | str) -> None:
    """Players have no channels."""
