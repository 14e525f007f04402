"""The WebRTC transport: encoded pictures and Opus handed to aiortc as they are, and input over data channels.

Beside `_aiortc.py` and `_aiortc_codecs.py`, which bridge the library's gaps, the only file that imports aiortc (22 MB,
0.25 s: `carrier.py` imports this module in a thread, when WebRTC is wanted). A PLI does not reach pre-encoded tracks
(`_on_keyframe_request`), and all tracks would share one MediaStream. Hostile SDP, candidates and data-channel messages
end as `WebRtcError` or are dropped. Runs on the asyncio loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from typing import Any, Generic, Literal, TypeVar

import av
import structlog
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp

from dillinger_contracts.ice import MediaAccess
from dillinger_contracts.session import VideoFormat
from dillinger_contracts.signaling import Candidate, Description, SignalMessage, TransportKind
from dillinger_stream.choose import WebRtcState
from dillinger_stream.errors import WebRtcError
from dillinger_stream.frames import AccessUnit, SoundPacket

from ._aiortc import PictureExtensions, await_dtls, bound, dress, prepare, share_port, steer
from ._aiortc_codecs import VIDEO_CLOCK_HZ, Lane, Packed, agreed_lanes, pack_h264, prefer, send_packed
from .arrivals import ArrivalGauge
from .base import NetworkFeedback
from .descriptions import MAX_CANDIDATES, is_address, usable, watched_kinds
from .feedback import FeedbackMailbox
from .flow import FlowWindow, PathMeasure
from .payloads import Payloads
from .rate import PathState
from .sound_rtp import SOUND_CLOCK_HZ, SoundRtp
from .trail import Trail
from .udp_port import UdpPort

log = structlog.get_logger()

Channel = Literal["input", "motion"]
Item = TypeVar("Item")

MAX_WAITING_UNITS = 16
MAX_WAITING_SOUNDS = 10
UNPACED_BPS = 1e9
CLOSE_TIMEOUT_S = 2.0
SILENCE_LIMIT_S = 4.0
"""A browser reports on what it receives about once a second (RFC 3550 section 6.2); silent for longer, it is gone."""
PLAYER_SILENCE_LIMIT_S = 20.0
"""Other players report every five seconds (RFC 3550's least interval), and nothing else is there to fall back to."""
ACTIVE_SILENCE_LIMIT_S = 2.5

prepare()


class _Feed(MediaStreamTrack, Generic[Item]):
    """Where aiortc's sender fetches what goes out next; a short queue that drops the oldest."""

    def __init__(self, kind: str, *, capacity: int) -> None:
        super().__init__()
        self.kind = kind
        self.sending_ticks: int | None = None
        """RTP time of the packet that the sender has in hand or sent last, before its random origin is added."""
        self._items: deque[tuple[Item, int]] = deque(maxlen=capacity)
        self._filled = asyncio.Event()

    @property
    def is_full(self) -> bool:
        return len(self._items) == self._items.maxlen

    def put(self, item: Item, *, ticks: int) -> None:
        self._items.append((item, ticks))
        self._filled.set()

    def clear(self) -> None:
        self._items.clear()

    def stop(self) -> None:
        super().stop()
        self._filled.set()

    async def recv(self) -> Item:  # type: ignore[override]  # aiortc's own tracks hand out what is to be encoded
        while not self._items:
            if self.readyState != "live":
                raise MediaStreamError
            self._filled.clear()
            await self._filled.wait()
        item, self.sending_ticks = self._items.popleft()
        return item


class WebRtcTransport:
    """Pictures and sound of one peer over one RTCPeerConnection.

    The seat offers it to a browser, with data channels for input; or it answers the offer of a player that watches.
    """

    kind: TransportKind = "webrtc"

    def __init__(
        self, *, has_sound: bool, offer: str | None = None,
        port: UdpPort | None = None, access: MediaAccess | None = None,
        on_input: Callable[[Channel, bytes | str], None], on_state: Callable[[WebRtcState], None],
        on_path: Callable[[PathState], None] = lambda _: None, pace_bps: Callable[[], float] = lambda: UNPACED_BPS,
        is_duplicated: Callable[[], bool] = lambda: False, trail: Trail | None = None,
    ) -> None:  # fmt: skip
        """`offer` is that of a player, which gets an `answer`; raises `WebRtcError` where it can't.

        `port` is shared by all peers; `on_path` is told of each of the browser's feedbacks; `pace_bps` is how fast
        packets may leave; `is_duplicated` says whether each is to be sent twice.
        """
        access = access or MediaAccess()
        kinds = (["video", "audio"] if has_sound else ["video"]) if offer is None else watched_kinds(offer)
        servers = [RTCIceServer([*one.urls], one.username, one.credential) for one in access.servers]
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._on_input = on_input
        self._on_state = on_state
        self.state = WebRtcState.OPENING
        self._on_path, self._pace_bps, self._is_duplicated = on_path, pace_bps, is_duplicated
        self._gauge = ArrivalGauge()
        self._extensions = PictureExtensions(self._gauge)
        self._mailbox = FeedbackMailbox()
        self._window = FlowWindow()
        self._trail = trail or Trail()
        self._sending: int | None = None
        """The number of the picture that the sender has in hand, or sent last."""
        self._is_keyframe_awaited = True
        self._video: _Feed[AccessUnit] = _Feed("video", capacity=MAX_WAITING_UNITS)
        self._payloads = Payloads(pack_h264)
        self._lanes: dict[VideoFormat, Lane] = {}
        self._sound: _Feed[av.Packet[Any]] | None = None
        # The transport of the first is that of all: an offer's first section has to be the first here too.
        for kind in kinds:
            if kind == "video":
                self._picture = self._add(self._video, stream="picture")
                self._video_sender = self._picture.sender
                self._prepare_pictures()
            else:
                self._sound = _Feed("audio", capacity=MAX_WAITING_SOUNDS)
                self._add(self._sound, stream="sound")
        self._sound_rtp = SoundRtp()
        self._candidates = 0
        self._offer = offer
        if offer is None:
            self._open_channel("input", ordered=True, retransmits=None)
            self._open_channel("motion", ordered=False, retransmits=0)
        self._ticks_of: deque[tuple[int, int]] = deque(maxlen=256)
        self._origin: int | None = None
        self._heard_packets = 0
        self._pushed_at_s = 0.0
        self._heard_at_s = time.monotonic()
        self._dropped_since_measure = 0
        self.dropped_frames = 0
        self.round_trip_ms: float | None = None
        """The network's own, as the last `measure` found it in RTCP."""
        if self._pc.sctp is not None:
            bound(self._pc.sctp)
        self._ice = self._video_sender.transport.transport
        share_port(self._ice, port or UdpPort(access.ports), access)
        self._pc.on("connectionstatechange", self._on_connection_state)

    @property
    def formats(self) -> frozenset[VideoFormat]:
        """What the other side takes; nothing until that is agreed on."""
        return frozenset(self._lanes)

    async def offer(self) -> Description:
        """The seat's offer, with its candidates; raises OSError where no port is to be had."""
        await self._pc.setLocalDescription(await self._pc.createOffer())
        return Description(kind="offer", sdp=self._pc.localDescription.sdp)

    async def answer(self) -> Description:
        """The answer to the player's offer, with the seat's candidates.

        Raises `WebRtcError` for an offer that can't be used, and OSError where no port is to be had.
        """
        assert self._offer is not None
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(usable(self._offer), "offer"))
            self._lanes = agreed_lanes(self._picture)
            await_dtls(self._video_sender)
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except (WebRtcError, OSError):
            raise
        except Exception as error:  # aiortc's parsers raise whatever hostile text makes them stumble over
            raise WebRtcError(f"This offer can't be used: {error or type(error).__name__}") from error
        return Description(kind="answer", sdp=self._pc.localDescription.sdp)

    async def negotiate(self, message: SignalMessage) -> list[SignalMessage]:
        """Takes the browser's answer and candidates; raises `WebRtcError` for what can't be used."""
        try:
            if isinstance(message, Description):
                await self._pc.setRemoteDescription(RTCSessionDescription(usable(message.sdp), "answer"))
                self._lanes = agreed_lanes(self._picture)
            elif isinstance(message, Candidate):
                await self._add_candidate(message)
        except WebRtcError:
            raise
        except Exception as error:  # aiortc's parsers raise whatever hostile text makes them stumble over
            raise WebRtcError(f"This {message.type} can't be used: {error or type(error).__name__}") from error
        return []

    def push(self, unit: AccessUnit) -> None:
        """Hands `unit` to the sender; when that is behind, everything up to the next keyframe is dropped.

        One of a format that the other side does not take is left out: each change of it begins with a keyframe.
        """
        if unit.format not in self._lanes or (self._is_keyframe_awaited and not unit.is_keyframe):
            return
        if self._video.is_full:
            self._video.clear()
            self._count_dropped(MAX_WAITING_UNITS)
            if not unit.is_keyframe:
                self._count_dropped(1)
                self._want_keyframe()
                return
        self._is_keyframe_awaited = False
        self._pushed_at_s = time.monotonic()
        ticks = unit.captured_at_ns * VIDEO_CLOCK_HZ // 1_000_000_000
        self._video.put(unit, ticks=ticks)
        self._ticks_of.append((ticks, unit.sequence))
        self._window.sent(unit.sequence, captured_at_ns=unit.captured_at_ns, now_ns=time.monotonic_ns())

    def push_sound(self, packet: SoundPacket) -> None:
        """Hands `packet` to the sender, with the one before it where some are lost; the oldest is dropped when that is
        behind."""
        if self._sound is not None:
            for sound in self._sound_rtp.send(packet, time.monotonic()):
                opus = av.Packet(sound.data)
                opus.pts, opus.time_base = sound.ticks, Fraction(1, SOUND_CLOCK_HZ)
                self._sound.put(opus, ticks=sound.ticks)

    def shown(self, rtp_timestamp: int, *, browser_us: int, paint_us: int = 0) -> None:
        """The browser has drawn the frame with this RTP timestamp, for which it took `browser_us`, of that `paint_us`
        for drawing; a made-up one changes nothing."""
        if self._origin is None:
            return
        wanted = (rtp_timestamp - self._origin) & 0xFFFFFFFF
        sequence = next((number for ticks, number in reversed(self._ticks_of) if ticks & 0xFFFFFFFF == wanted), None)
        now_ns = time.monotonic_ns()
        if sequence is not None and self._window.shown(sequence, browser_us=browser_us, now_ns=now_ns):
            self._trail.shown(sequence, now_ns, decode_us=browser_us - paint_us, paint_us=paint_us)

    def restart(self) -> None:
        """The viewer's decoder starts anew."""
        self._want_keyframe()

    async def measure(self) -> PathMeasure:
        """What this path did since the last call; notices a browser that has gone silent."""
        rtt_ms = loss_ratio = None
        for report in (await self._video_sender.getStats()).values():
            if report.type == "remote-inbound-rtp":
                loss_ratio = report.fractionLost / 256
                rtt_ms = None if report.roundTripTime is None else report.roundTripTime * 1000
            elif report.type == "transport":
                self._listen(report.packetsReceived)
        self._window_overflow()
        self.round_trip_ms = rtt_ms
        dropped, self._dropped_since_measure = self._dropped_since_measure, 0
        self._mailbox.put(NetworkFeedback(rtt_ms=rtt_ms, loss_ratio=loss_ratio))
        if self._offer is None:  # other players than ours may take a copy for something new
            self._sound_rtp.lost(loss_ratio, time.monotonic(), rate_bps=self._pace_bps())
        return self._window.measure(dropped=dropped, loss_ratio=loss_ratio)

    def feedback(self) -> AsyncIterator[NetworkFeedback]:
        """Keyframe wishes (PLI, FIR), round trip and loss (RTCP receiver reports)."""
        return self._mailbox.read()

    async def close(self) -> None:
        """Ends the connection within `CLOSE_TIMEOUT_S`; idempotent."""
        self._mailbox.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._pc.close()
        except TimeoutError:
            log.warning("webrtc_close_timed_out")
        except AttributeError as error:  # a hostile description left aiortc without a transport for a part of it
            log.warning("webrtc_close_failed", error=str(error))
            await self._ice.stop()

    def _add(self, feed: MediaStreamTrack, *, stream: str) -> RTCRtpTransceiver:
        transceiver = self._pc.addTransceiver(feed, direction="sendonly")
        # A MediaStream each: browsers delay the picture to match the sound of the same stream.
        transceiver.sender._stream_id = stream
        return transceiver

    def _prepare_pictures(self) -> None:
        prefer(self._picture)
        dress(self._video_sender, self._extensions)
        send_packed(self._video_sender, self._next_packed, lambda: self._lanes)
        setattr(self._video_sender, "_send_keyframe", self._on_keyframe_request)  # noqa: B010

    async def _next_packed(self) -> Packed:
        self._note_origin()
        if self._sending is not None:  # the sender comes back when the last packet of it has left
            self._trail.sent(self._sending, time.monotonic_ns())
        unit = await self._video.recv()
        taken_ns = time.monotonic_ns()
        assert self._video.sending_ticks is not None
        packed = Packed(unit.format, self._payloads.of(unit), self._video.sending_ticks)
        self._trail.packed(unit, taken_ns=taken_ns, now_ns=time.monotonic_ns())
        self._sending = unit.sequence
        return packed

    def _open_channel(self, label: Channel, *, ordered: bool, retransmits: int | None) -> None:
        channel = self._pc.createDataChannel(label, ordered=ordered, maxRetransmits=retransmits)
        channel.on("message", lambda message: self._on_input(label, message))

    async def _add_candidate(self, message: Candidate) -> None:
        self._candidates += 1
        if self._candidates > MAX_CANDIDATES:
            raise WebRtcError(f"A browser has at most {MAX_CANDIDATES} candidates")
        if not message.candidate:
            return  # aiortc would give up early: peer-reflexive candidates may still come
        candidate = candidate_from_sdp(message.candidate.removeprefix("candidate:"))
        if not is_address(candidate.ip):
            return
        candidate.sdpMid = self._pc.getTransceivers()[0].mid  # all sections are bundled into one
        await self._pc.addIceCandidate(candidate)

    def _on_connection_state(self) -> None:
        connection = self._pc.connectionState
        if connection == "connected":
            self._heard_at_s = time.monotonic()
            steer(
                self._video_sender, self._extensions, self._gauge,
                pace_bps=self._pace_bps, is_duplicated=self._is_duplicated,
                on_path=self._on_path, on_lost=self._on_lost,
            )  # fmt: skip
            self._enter(WebRtcState.OPEN)
        elif connection in ("failed", "closed"):
            self._enter(WebRtcState.BROKEN)

    def _enter(self, state: WebRtcState) -> None:
        if state is not self.state and self.state is not WebRtcState.BROKEN:
            self.state = state
            self._on_state(state)

    def _listen(self, packets: int) -> None:
        now_s = time.monotonic()
        if packets != self._heard_packets:
            self._heard_packets, self._heard_at_s = packets, now_s
        elif self.state is WebRtcState.OPEN and now_s - self._heard_at_s > self._silence_limit_s(now_s):
            self._enter(WebRtcState.BROKEN)

    def _on_lost(self) -> None:
        """What follows can't be decoded any more."""
        if not self._is_keyframe_awaited:
            self._want_keyframe()

    def _silence_limit_s(self, now_s: float) -> float:
        """While pictures go out, a browser that numbers them answers some ten times a second."""
        if self._offer is not None:
            return PLAYER_SILENCE_LIMIT_S
        is_answering = self._extensions.number is not None and now_s - self._pushed_at_s < ACTIVE_SILENCE_LIMIT_S / 2
        return ACTIVE_SILENCE_LIMIT_S if is_answering else SILENCE_LIMIT_S

    def _on_keyframe_request(self) -> None:
        self._mailbox.put(NetworkFeedback(keyframe_wanted=True))

    def _want_keyframe(self) -> None:
        self._is_keyframe_awaited = True
        self._mailbox.put(NetworkFeedback(keyframe_wanted=True))

    def _note_origin(self) -> None:
        """The random offset of this stream's RTP time, which aiortc keeps to itself: sent time minus ours, while no
        picture is on its way."""
        sent = getattr(self._video_sender, "_RTCRtpSender__rtp_timestamp")  # noqa: B009
        if self._origin is None and sent and self._video.sending_ticks is not None:
            self._origin = (sent - self._video.sending_ticks) & 0xFFFFFFFF

    def _window_overflow(self) -> None:
        """RTP drops late frames by itself; what a browser never shows must not pile up here."""
        if self._window.in_flight > MAX_WAITING_UNITS * 8:
            self._window.forget()

    def _count_dropped(self, units: int) -> None:
        self.dropped_frames += units
        self._dropped_since_measure += units
