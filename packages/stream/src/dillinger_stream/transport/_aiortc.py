"""aiortc 1.16's gaps, bridged: what `webrtc.py` needs and the library does not do by itself.

It does not know the playout-delay extension, numbers no packets for transport-wide feedback and reads none, has no
pacer, remembers 128 packets for retransmits, opens DTLS with ECDSA alone, takes whatever a peer puts into its SCTP
buffers, and binds a port of the kernel's choice for each peer, of which it tells the address that the machine has for
itself. All of it reaches into private parts of a pinned version; each in one function here. Leaves codecs to
`_aiortc_codecs.py`. Runs on the asyncio loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from dataclasses import replace

import aioice.ice
import structlog
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aiortc import RTCIceTransport, RTCRtpSender, RTCSctpTransport, rtcrtpsender, rtp
from aiortc.codecs import CODECS, HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtcsctptransport import DataChunk

from dillinger_contracts.ice import MediaAccess

from ._aiortc_codecs import add_codecs
from .arrivals import ArrivalGauge, feedbacks, read_feedback
from .pacer import Pacer
from .rate import PathState
from .udp_port import UdpPort

log = structlog.get_logger()

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
TRANSPORT_WIDE = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
MAX_CHANNELS = 16
MAX_WAITING_CHUNKS = 1024
LEAST_WAIT_S = 0.0005
"""The loop's timers are no finer than that."""
MAX_UNCOPIED = 32
"""So many packets of a large picture at most go out before the first of them goes twice: receivers look back about a
hundred."""
GATHER_TIMEOUT_S = 3.0
"""How long STUN and TURN servers have to answer; an offer waits for them."""


def prepare() -> None:
    """Once per process: what aiortc offers and remembers."""
    video = HEADER_EXTENSIONS["video"]
    if any(extension.uri == PLAYOUT_DELAY for extension in video):
        return
    free_id = 1 + max(extension.id for kind in HEADER_EXTENSIONS.values() for extension in kind)
    for place, uri in enumerate((PLAYOUT_DELAY, TRANSPORT_WIDE)):
        video.append(RTCRtpHeaderExtensionParameters(id=free_id + place, uri=uri))
    add_codecs()
    for codec in CODECS["video"]:
        if codec.rtcpFeedback:
            codec.rtcpFeedback.append(RTCRtcpFeedback(type="transport-cc"))
    # A keyframe alone may have more packets than aiortc remembers for retransmits.
    setattr(rtcrtpsender, "RTP_HISTORY_SIZE", 1024)  # noqa: B010
    host_addresses = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda *args, **named: host_addresses(*args, **named) or ["127.0.0.1"]


class PictureExtensions(rtp.HeaderExtensionsMap):
    """The header extensions of picture packets.

    Each gets "playout delay 0 to 0", without which Chromium holds pictures for about 12 ms, and where the browser takes
    it a number for transport-wide feedback, which a retransmit gets anew.
    """

    def __init__(self, gauge: ArrivalGauge) -> None:
        super().__init__()
        self._gauge = gauge
        self._id: int | None = None
        self._is_numbered = False
        self.number: int | None = None
        """Of the packet that was put together last."""

    def configure(self, parameters: RTCRtpParameters) -> None:
        super().configure(parameters)
        uris = {extension.uri: extension.id for extension in parameters.headerExtensions}
        self._id = uris.get(PLAYOUT_DELAY, self._id)
        self._is_numbered = self._is_numbered or TRANSPORT_WIDE in uris

    def set(self, values: rtp.HeaderExtensions) -> tuple[int, bytes]:
        if self._is_numbered:
            self.number = values.transport_sequence_number = self._gauge.number()
        profile, packed = super().set(values)
        if self._id is None or profile not in (0, 0xBEDE):
            return profile, packed
        # Padding between extensions is one zero byte each (RFC 8285 section 4.2).
        return 0xBEDE, packed + bytes([self._id << 4 | 2, 0, 0, 0])


def dress(sender: RTCRtpSender, extensions: PictureExtensions) -> None:
    """From now on, and before it is connected, `sender`'s packets carry `extensions`."""
    setattr(sender, "_RTCRtpSender__rtp_header_extensions_map", extensions)  # noqa: B010


def steer(
    sender: RTCRtpSender, extensions: PictureExtensions, gauge: ArrivalGauge,
    *, pace_bps: Callable[[], float], is_duplicated: Callable[[], bool],
    on_path: Callable[[PathState], None], on_lost: Callable[[], None],
) -> None:  # fmt: skip
    """Paces what `sender` sends and tells what the browser's feedback makes of the path; on its final transport.

    Where the path `is_duplicated`, a picture's packets follow it once more, as retransmits that nobody asked for: so
    what receives them knows them for copies, and a burst that takes the first seldom takes the second.
    `on_lost` says that a packet was lost for good: there was no room to send it again.
    """
    transport = sender.transport
    send_at_once, handle_rtcp = transport._send_rtp, transport._handle_rtcp_data
    pacer = Pacer()
    sent: list[int] = []

    def has_retransmits() -> bool:
        return getattr(sender, "_RTCRtpSender__rtx_payload_type") is not None  # noqa: B009

    async def send_paced(data: bytes) -> None:
        if rtp.is_rtcp(data):
            await send_at_once(data)
            return
        source = int.from_bytes(data[8:12], "big")
        number = extensions.number if source in (sender._ssrc, sender._rtx_ssrc) else None
        if source == sender._rtx_ssrc and not pacer.has_room(time.monotonic()):
            on_lost()
            return
        wait_s = pacer.wait_s(time.monotonic(), len(data), rate_bps=pace_bps())
        if source == sender._ssrc and wait_s > LEAST_WAIT_S:
            await asyncio.sleep(wait_s)
        if number is not None:
            gauge.sent(number, len(data), time.monotonic())
        await send_at_once(data)
        if source == sender._ssrc:
            await duplicate(data)

    async def duplicate(data: bytes) -> None:
        sent.append(int.from_bytes(data[2:4], "big"))
        is_last = data[1] & 0x80  # the marker (RFC 6184 section 5.1)
        if not is_last and len(sent) < MAX_UNCOPIED:
            return
        numbers = list(sent)
        sent.clear()
        if not (has_retransmits() and is_duplicated()):
            return
        for number in numbers:
            if pacer.has_room(time.monotonic()):
                await sender._retransmit(number)

    async def handle_rtcp_too(data: bytes) -> None:
        try:
            for packet in feedbacks(data):
                state = gauge.take(read_feedback(packet), time.monotonic())
                if state is not None:
                    on_path(replace(state, takes_duplicates=has_retransmits()))
        except ValueError as error:
            log.debug("rtcp_feedback_strange", error=str(error))
        await handle_rtcp(data)

    setattr(transport, "_send_rtp", send_paced)  # noqa: B010
    setattr(transport, "_handle_rtcp_data", handle_rtcp_too)  # noqa: B010


def bound(sctp: RTCSctpTransport) -> None:
    """Ends the connection of a peer that fills the receive buffers: aiortc announces 1 MiB and takes what comes.

    Input messages fit into one chunk each, so what waits for its rest is little: chunks behind a lost one.
    """
    receive = sctp._receive_data_chunk

    async def receive_bounded(chunk: DataChunk) -> None:
        await receive(chunk)
        stream = sctp._inbound_streams.get(chunk.stream_id)
        waiting = len(stream.reassembly) if stream is not None else 0
        if waiting > MAX_WAITING_CHUNKS or len(sctp._inbound_streams) > MAX_CHANNELS:
            log.warning("webrtc_flooded", chunks=waiting, streams=len(sctp._inbound_streams))
            raise ConnectionError("The peer fills the data channels")

    setattr(sctp, "_receive_data_chunk", receive_bounded)  # noqa: B010


def share_port(ice: RTCIceTransport, port: UdpPort, access: MediaAccess) -> None:
    """From now on, and before it gathers, the connection of `ice` is at `port`, and tells of it as `access` says."""
    connection = ice._connection
    gather_relayed = connection.get_component_candidates

    async def gather(component: int, addresses: list[str]) -> list[Candidate]:
        hosts: list[StunProtocol] = []
        for address in addresses:
            agent = StunProtocol(connection)
            try:
                await port.join(address, connection.local_username, agent)
            except OSError as error:
                log.info("media_address_unusable", address=address, error=str(error))
                continue
            agent.local_candidate = _host_candidate(component, *agent.transport.get_extra_info("sockname")[:2])
            hosts.append(agent)
        connection._protocols += hosts
        if addresses and not hosts:
            raise OSError("No UDP port for pictures is to be had")
        server = connection.stun_server
        asking = [gather_relayed(component, [])]
        asking += [_reflexive(agent, server) for agent in hosts if server is not None and _is_ipv4(agent)]
        done, pending = await asyncio.wait([asyncio.ensure_future(one) for one in asking], timeout=GATHER_TIMEOUT_S)
        for task in pending:
            task.cancel()
        found = [candidate for task in done if task.exception() is None for candidate in task.result()]
        return [*_told([agent.local_candidate for agent in hosts], access), *found]

    setattr(connection, "get_component_candidates", gather)  # noqa: B010


def await_dtls(sender: RTCRtpSender) -> None:
    """The other side, whose offer leaves it open, is to begin the DTLS handshake.

    aiortc would begin it itself, with suites for servers of ECDSA keys alone; GStreamer's is RSA.
    """
    if sender.transport._role == "auto":
        sender.transport._set_role("server")


def _told(own: list[Candidate], access: MediaAccess) -> list[Candidate]:
    """What browsers are told of: the port is the same everywhere, the address is the one that they know."""
    ports = {ipaddress.ip_address(candidate.host).version: candidate.port for candidate in reversed(own)}
    elsewhere = [
        _host_candidate(own[0].component, address, ports.get(ipaddress.ip_address(address).version, own[0].port))
        for address in access.addresses
        if own and address not in {candidate.host for candidate in own}
    ]
    return elsewhere if access.is_behind_nat else own + elsewhere


def _host_candidate(component: int, host: str, port: int) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=host,
        port=port,
        type="host",
    )


async def _reflexive(agent: StunProtocol, server: tuple[str, int]) -> list[Candidate]:
    return [(await server_reflexive_candidate(agent, server))[0]]


def _is_ipv4(agent: StunProtocol) -> bool:
    return ipaddress.ip_address(agent.local_candidate.host).version == 4
