"""One viewer's conversation, from its hello to its end: who it is, what it may, and that it harms nobody.

Everything a peer can make the seat do is bounded: messages are read at a limited rate (a flood waits in the peer's
own socket), faults are counted, keyframes are spaced by the hub, queues have ends. Its pressed keys are let go when
it leaves, however it leaves. Leaves what it does to the game to `hands.py`, media to `transport/carrier.py` and what
all peers share to the `Host`. One task on the loop, with its helpers in a TaskGroup.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import structlog

from dillinger_contracts.clips import ClipboardOffer, ClipboardPart, ClipboardWant
from dillinger_contracts.conversation import SignalingMachine, SignalingState
from dillinger_contracts.errors import DillingerError, Exhausted, Invalid, problem_of
from dillinger_contracts.floor import FloorWish, Member
from dillinger_contracts.input import Shown, decode
from dillinger_contracts.media import KIND_VOICE
from dillinger_contracts.session import StreamProfile, VideoFormat
from dillinger_contracts.signaling import (
    Bye,
    Candidate,
    ClientStats,
    Decoders,
    Description,
    Ended,
    FromBrowser,
    FromSeat,
    Hello,
    KeyframeWanted,
    Notice,
    Ping,
    PointerTaken,
    Pong,
    Resize,
    SetProfile,
    SetTransport,
    TcpPath,
    TransportKind,
    Watch,
    Welcome,
)
from dillinger_contracts.tickets import TicketClaims

from .clipboard.base import Clip
from .formats import PRESUMED, TITLES
from .frames import AccessUnit, SoundPacket
from .hands import Grip, Hands
from .host import Host
from .transport.bucket import TokenBucket
from .transport.carrier import Carrier, CarrierParts
from .transport.link import CLOSE_TIMEOUT_S, Link, LinkClosed
from .transport.offered import OfferedCarrier
from .transport.outlet import Outlet
from .transport.trail import Trail

if TYPE_CHECKING:
    from .transport.webrtc import Channel

log = structlog.get_logger()

INPUT_RATE_HZ, INPUT_BURST = 2000.0, 4000.0
SIGNAL_RATE_HZ, SIGNAL_BURST = 50.0, 200.0
FLOOR_RATE_HZ, FLOOR_BURST = 1.0, 10.0
"""Of wishes about who plays: all the others hear of each."""
CLOSE_NORMAL = 1000
VOICE = bytes([KIND_VOICE])


class Peer:
    """One conversation over one link; `run` is all of its life."""

    def __init__(self, link: Link, host: Host, *, peer_id: int) -> None:
        self.peer_id = peer_id
        self.claims: TicketClaims
        """What its ticket says; known from its hello on."""
        self.profile = StreamProfile()
        self.draws_cursor = False
        """Whether its browser draws the pointer itself."""
        self.has_said_bye = False
        self.decodes: frozenset[VideoFormat] = PRESUMED
        """By WebCodecs, as its browser says; other players say what they take in their offer alone."""
        self.client_stats: ClientStats | None = None
        """What the browser last measured."""
        self._link = link
        self._host = host
        self._machine = SignalingMachine()
        self._outlet = Outlet(link)
        self._carrier: Carrier | OfferedCarrier | None = None
        self._device = ""
        self._hands = Hands(host, peer_id=peer_id, say=self.say, notice=self.notice_once)
        self._inputs = TokenBucket(rate_hz=INPUT_RATE_HZ, burst=INPUT_BURST)
        self._signals = TokenBucket(rate_hz=SIGNAL_RATE_HZ, burst=SIGNAL_BURST)
        self._floor_wishes = TokenBucket(rate_hz=FLOOR_RATE_HZ, burst=FLOOR_BURST)
        self._noticed: set[str] = set()

    async def run(self) -> None:
        """The conversation, until it ends; what a peer does wrong is told to the peer and never raised."""
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._outlet.run(), name="peer_writer")
            helpers: list[asyncio.Task[None]] = []
            try:
                await self._converse(group, helpers)
                self._outlet.finish(CLOSE_NORMAL, "")
            except LinkClosed:
                self._outlet.finish(CLOSE_NORMAL, "")
            except DillingerError as error:
                self._refuse(error)
            finally:
                self._hands.close()
                self._host.leave(self)
                await self._wind_up(writer, helpers)

    @property
    def role(self) -> Literal["player", "viewer"]:
        """What it is now."""
        return "player" if self._hands.grip is Grip.ALL else "viewer"

    def member(self) -> Member:
        """Who it is, for the floor."""
        claims = self.claims
        return Member(
            self.peer_id, user=claims.sub, name=claims.name or claims.sub, rank=claims.rank,
            may_play=claims.role == "player", device=self._device,
        )  # fmt: skip

    def hold(self, grip: Grip) -> None:
        """From now on so much of the game is in its hands."""
        has_begun = grip is Grip.ALL and self.role == "viewer"
        self._hands.take(grip)
        if has_begun:
            self._host.want_keyboard(self, self.profile.keyboard)

    def push(self, unit: AccessUnit) -> None:
        """One unit; never blocks."""
        if self._carrier is not None:
            self._carrier.push(unit)

    def push_sound(self, packet: SoundPacket) -> None:
        """One sound packet; never blocks."""
        if self._carrier is not None:
            self._carrier.push_sound(packet)

    def say(self, message: FromSeat) -> None:
        """Queues a message; a browser that reads nothing is closed."""
        try:
            self._outlet.say(message)
        except Exhausted as error:
            self._outlet.finish(problem_of(error).close_code, error.message)

    def say_newest(self, newest: Callable[[], FromSeat | None]) -> None:
        """Sends what `newest` says when there is room, until it says None."""
        self._outlet.say_newest(newest)

    @property
    def bitrate_bps(self) -> int:
        """What this peer wishes, or less where its path does not bear it."""
        target_bps = self.target_bps
        return self.profile.bitrate_bps if target_bps is None else min(target_bps, self.profile.bitrate_bps)

    @property
    def target_bps(self) -> int | None:
        """What its path bears; None where that is what it wishes."""
        return self._carrier.target_bps if self._carrier is not None else None

    @property
    def transport(self) -> TransportKind | None:
        """What carries its pictures now."""
        return self._carrier.kind if self._carrier is not None else None

    @property
    def trail(self) -> Trail | None:
        """What became of its pictures."""
        return self._carrier.trail if self._carrier is not None else None

    @property
    def takes(self) -> frozenset[VideoFormat]:
        """What its browser decodes of what carries to it now, or is about to."""
        return self.decodes if self._carrier is None else self._carrier.takes(self.decodes)

    @property
    def hold_until_ns(self) -> int:
        """Until then (monotonic) its path is too full for any picture."""
        return self._carrier.hold_until_ns if self._carrier is not None else 0

    def offer_clip(self, clip: Clip) -> None:
        """Tells the player that the game copied something, and nobody else."""
        self._hands.offer_clip(clip)

    def end(self, ended: Ended | None) -> None:
        """Says that the session is over (to those who were let in), then closes."""
        if ended is not None:
            self.say(ended)
        self._outlet.finish(CLOSE_NORMAL, "The session is over")

    def interrupt(self, error: DillingerError) -> None:
        """Closes with `error`: for an `Unavailable` the other side comes again."""
        self._outlet.finish(problem_of(error).close_code, error.message)

    async def _converse(self, group: asyncio.TaskGroup, helpers: list[asyncio.Task[None]]) -> None:
        hello = await self._receive_hello()
        self.claims = self._host.admit(hello.ticket)
        if isinstance(hello, Hello):
            self.profile, self._device, self.draws_cursor = hello.profile, hello.device, hello.draws_cursor
        else:
            self.claims = self.claims.model_copy(update={"role": "viewer"})  # it has no hands, whatever its ticket says
            self.decodes = frozenset(TITLES)
        parts = CarrierParts(
            outlet=self._outlet, group=group, want_keyframe=lambda: self._host.want_keyframe(self),
            on_input=self._on_channel, on_offered=self._machine.offered,
            on_target=self._host.wish_changed, wish_bps=lambda: self.profile.bitrate_bps,
            has_sound=self._host.has_sound, port=self._host.udp_port, access=self._host.settings.media,
        )  # fmt: skip
        carrier = _carrier_for(hello, parts)
        self._host.join(self)
        self._welcome()
        self._carrier = carrier
        carrier.start()
        self._host.want_keyframe(self)
        helpers.append(group.create_task(self._report(carrier), name="peer_report"))
        while not self._outlet.is_finishing:
            message = await self._link.recv()
            bucket = self._signals if isinstance(message, str) else self._inputs
            if wait_s := bucket.take(time.monotonic()):
                await asyncio.sleep(wait_s)  # the flood waits in the peer's own socket
            try:
                await self._take(message, carrier)
            except DillingerError as error:
                self._complain(error)

    def _welcome(self) -> None:
        host, may_play = self._host, self.claims.role == "player"
        self.say(
            Welcome(
                peer_id=self.peer_id, role=self.role, has_sound=host.has_sound, is_resizable=host.is_resizable,
                has_clipboard=may_play and host.clipboard is not None,
                has_microphone=may_play and host.voice is not None, ice_servers=host.settings.media.servers,
                has_head_tracking=may_play and host.has_head_tracking,
            )
        )  # fmt: skip
        if host.is_pointer_taken:
            self.say(PointerTaken(is_taken=True))
        host.tell_people(self)

    async def _receive_hello(self) -> Hello | Watch:
        try:
            async with asyncio.timeout(self._host.settings.hello_deadline_s):
                first = await self._link.recv()
        except TimeoutError:
            raise Invalid(f"No hello came within {self._host.settings.hello_deadline_s:g} s") from None
        if not isinstance(first, str):
            raise Invalid("The first message is hello, in JSON text")
        hello = self._machine.receive(first)
        assert isinstance(hello, Hello | Watch)
        return hello

    async def _take(self, message: str | bytes, carrier: Carrier | OfferedCarrier) -> None:
        if isinstance(message, bytes):
            if message[:1] == VOICE:
                self._take_voice(message[1:])
            else:
                self._take_input(message, over="websocket")
            return
        signal = self._machine.receive(message)
        if isinstance(signal, Description | Candidate):
            try:
                await carrier.negotiate(signal)
            except Invalid:
                self._machine.fault()
                raise
        elif isinstance(signal, Bye):
            self.has_said_bye = True
            self._outlet.finish(CLOSE_NORMAL, "")
        else:
            self._take_signal(signal, carrier)

    def _take_signal(self, signal: FromBrowser, carrier: Carrier | OfferedCarrier) -> None:
        if isinstance(signal, Ping):
            self.say(Pong(time_ms=signal.time_ms))
        elif isinstance(signal, KeyframeWanted):
            carrier.restart()
        elif isinstance(signal, Decoders):
            self.decodes = frozenset(signal.formats) or PRESUMED
            self._host.wish_changed()
        elif isinstance(signal, ClientStats):
            self.client_stats = signal
        elif isinstance(signal, TcpPath):
            carrier.tcp_path(signal)
        elif isinstance(signal, ClipboardOffer | ClipboardWant | ClipboardPart):
            self._hands.take_clip_message(signal)
        elif isinstance(signal, FloorWish):
            if not self._floor_wishes.try_take(time.monotonic()):
                raise Exhausted("Too many wishes about who plays", hint="Wait a moment")
            self._host.wish_floor(self, signal)
        elif isinstance(signal, SetTransport):
            carrier.wish_for(signal.transport)
        elif isinstance(signal, Resize):
            if self._may_wish():
                self._host.want_size(self, signal.width_px & ~1, signal.height_px & ~1)
        elif isinstance(signal, SetProfile) and self._may_wish():
            old, self.profile = self.profile, signal.profile
            self._host.wish_changed()
            self._host.want_keyboard(self, self.profile.keyboard)
            if (old.width_px, old.height_px) != (self.profile.width_px, self.profile.height_px):
                self._host.want_size(self, self.profile.width_px, self.profile.height_px)

    def _take_voice(self, packet: bytes) -> None:
        try:
            self._hands.take_voice(packet)
        except Invalid:
            self._machine.fault()
            raise

    def _may_wish(self) -> bool:
        if self.role != "player":
            self.notice_once("viewer_wish", "You are watching: size and quality are the player's to choose")
        return self.role == "player"

    def _on_channel(self, channel: Channel, message: bytes | str) -> None:
        """A data channel's message: there is no holding back its sender, so what is too much is dropped."""
        if self._outlet.is_finishing:
            return
        if not self._inputs.try_take(time.monotonic()):
            self._hands.release_all()  # a key's release may be among what is dropped
            self.notice_once("input_flood", f"Input on {channel} comes too fast; some of it is dropped")
            return
        try:
            self._take_input(message, over="webrtc")
        except DillingerError as error:
            self._complain(error)

    def _take_input(self, message: bytes | str, *, over: TransportKind) -> None:
        try:
            if isinstance(message, str):
                raise Invalid("Data channels carry binary input messages only")
            event = decode(message)
        except Invalid:
            self._machine.fault()
            raise
        if isinstance(event, Shown):
            if self._carrier is not None:
                self._carrier.shown(event, over=over)
        else:
            self._hands.handle(event)

    async def _report(self, carrier: Carrier | OfferedCarrier) -> None:
        while True:
            await asyncio.sleep(self._host.settings.stats_interval_s)
            await carrier.tick()
            own = {
                "latency_ms_p50": carrier.latency_ms_p50,
                "dropped_frames": carrier.dropped_frames,
                "target_bps": carrier.target_bps,
            }
            stats = self._host.server_stats(self)
            formats = tuple(one for one in stats.formats if one in self.decodes | self.takes)
            self.say(stats.model_copy(update=own | {"formats": formats}))

    def notice_once(self, code: str, message: str) -> None:
        """Says something that need not be said twice."""
        if code not in self._noticed:
            self._noticed.add(code)
            self.say(Notice(level="warning", code=code, message=message))

    def _complain(self, error: DillingerError) -> None:
        """Tells the peer what was wrong; closes after too many faults."""
        log.info("peer_fault", peer_id=self.peer_id, code=error.code, error=error.message)
        if self._machine.state is SignalingState.CLOSED:
            self._refuse(error)
        else:
            self.say(Notice(level="error", code=error.code, message=error.message, hint=error.hint))

    def _refuse(self, error: DillingerError) -> None:
        self.say(Notice(level="error", code=error.code, message=error.message, hint=error.hint))
        self._outlet.finish(problem_of(error).close_code, error.message)

    async def _wind_up(self, writer: asyncio.Task[None], helpers: list[asyncio.Task[None]]) -> None:
        """Lets the last messages out, then ends every helper. A link that is stuck is closed by force."""
        for helper in helpers:
            helper.cancel()
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            await carrier.close()
        done, _ = await asyncio.wait([writer], timeout=2 * CLOSE_TIMEOUT_S)
        if not done:
            writer.cancel()
            await self._link.close(CLOSE_NORMAL, "")


def _carrier_for(hello: Hello | Watch, parts: CarrierParts) -> Carrier | OfferedCarrier:
    if isinstance(hello, Watch):
        return OfferedCarrier(parts, offer=hello.sdp)
    wish, is_able, before = hello.transport, hello.is_webrtc_able, hello.carried_by
    return Carrier(parts, wish=wish, is_webrtc_able=is_able, carried_by=before)
