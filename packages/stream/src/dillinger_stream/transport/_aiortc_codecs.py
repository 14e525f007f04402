"""aiortc 1.16's codecs: beside H.264's baseline and VP8, which it knows, the others that a seat encodes, and a sender
that changes between all that were agreed on.

An answer agrees on several codecs at once, each with a payload type of its own, and whoever receives has to be ready
for each of them at any time (RFC 3264 section 5.1): so a change needs no negotiation, only another number in the next
packets. aiortc takes the first codec for a sender's life. All of it reaches into private parts of a pinned version.
Runs on the asyncio loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from aiortc import RTCRtpSender, RTCRtpTransceiver, rtcpeerconnection, rtcrtpsender
from aiortc.codecs import CODECS, is_rtx
from aiortc.codecs.h264 import H264Encoder
from aiortc.rtcrtpparameters import ParametersDict, RTCRtcpFeedback, RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import DYNAMIC_PAYLOAD_TYPES

from dillinger_contracts.session import VideoFormat

VIDEO_CLOCK_HZ = 90_000
_PACKETIZATION: ParametersDict = {"level-asymmetry-allowed": "1", "packetization-mode": "1"}
_ADDED: tuple[tuple[str, ParametersDict], ...] = (
    ("video/H264", _PACKETIZATION | {"profile-level-id": "640c1f"}),
    ("video/H264", _PACKETIZATION | {"profile-level-id": "64001f"}),
    ("video/H264", _PACKETIZATION | {"profile-level-id": "f4001f"}),
    ("video/VP9", {"profile-id": "0"}),
    ("video/AV1", {"profile": "0", "level-idx": "5", "tier": "0"}),
)
_PROFILES: Mapping[str, VideoFormat] = {
    "42001f": "h264", "42e01f": "h264", "640c1f": "h264-high", "64001f": "h264-high", "f4001f": "h264-444",
}  # fmt: skip
_FORMATS: Mapping[str, VideoFormat] = {"vp8": "vp8", "vp9": "vp9", "av1": "av1"}
_PROFILE_PARAMETER = {"vp9": "profile-id", "av1": "profile"}
"""What says which pictures are meant, the plain ones by default: encoders here make no others."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The numbers that packets of one format go out by."""

    payload_type: int
    again_payload_type: int | None
    """Of retransmits; None: they go out as they were."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One picture, ready for the sender."""

    format: VideoFormat
    payloads: list[bytes]
    ticks: int
    """RTP time, before the stream's random origin is added."""


def add_codecs() -> None:
    """Once per process: what aiortc offers and agrees to beside what it knows by itself."""
    number = 1 + max(codec.payloadType or 0 for codec in CODECS["video"])
    for mime_type, parameters in _ADDED:
        feedback = [RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli"), RTCRtcpFeedback("goog-remb")]
        CODECS["video"] += [
            RTCRtpCodecParameters(mime_type, VIDEO_CLOCK_HZ, None, number, feedback, dict(parameters)),
            RTCRtpCodecParameters("video/rtx", VIDEO_CLOCK_HZ, None, number + 1, [], {"apt": number}),
        ]
        number += 2
    is_compatible = rtcpeerconnection.is_codec_compatible

    def is_same(a: RTCRtpCodecParameters, b: RTCRtpCodecParameters) -> bool:
        parameter = _PROFILE_PARAMETER.get(a.name.lower())
        return is_compatible(a, b) and (parameter is None or str(b.parameters.get(parameter, "0")) == "0")

    rtcpeerconnection.is_codec_compatible = is_same


def prefer(transceiver: RTCRtpTransceiver) -> None:
    """What it offers and agrees to, H.264's baseline first."""
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    ranked = sorted(
        capabilities, key=lambda codec: codec.parameters.get("profile-level-id") not in ("42001f", "42e01f")
    )
    transceiver.setCodecPreferences(ranked)


def agreed_lanes(transceiver: RTCRtpTransceiver) -> dict[VideoFormat, Lane]:
    """What both sides have agreed on; the first of several that mean the same."""
    codecs = [codec for codec in transceiver._codecs if codec.payloadType in DYNAMIC_PAYLOAD_TYPES]
    again = {codec.parameters.get("apt"): codec.payloadType for codec in codecs if is_rtx(codec)}
    lanes: dict[VideoFormat, Lane] = {}
    for codec in codecs:
        format_ = _format_of(codec)
        if format_ is not None and codec.payloadType is not None:
            lanes.setdefault(format_, Lane(codec.payloadType, again.get(codec.payloadType)))
    return lanes


def send_packed(
    sender: RTCRtpSender, next_packed: Callable[[], Awaitable[Packed]], lanes: Callable[[], Mapping[VideoFormat, Lane]]
) -> None:
    """From now on, and before it is connected, `sender` sends what `next_packed` hands out, each in its format's lane.

    What `next_packed` hands out is of a format that has one.
    """
    run, retransmit = sender._run_rtp, sender._retransmit

    def send_again_as(lane: Lane | None) -> None:
        setattr(sender, "_RTCRtpSender__rtx_payload_type", lane and lane.again_payload_type)  # noqa: B010

    async def run_with_own(codec: RTCRtpCodecParameters) -> None:
        await run(replace(codec))  # its payload type changes; what was agreed on does not

    async def next_encoded(codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        packed = await next_packed()
        if not sender._enabled or not packed.payloads:
            return None
        lane = lanes()[packed.format]
        codec.payloadType = lane.payload_type
        send_again_as(lane)
        return RTCEncodedFrame(packed.payloads, packed.ticks, None)  # type: ignore[arg-type]  # no sound

    async def retransmit_in_lane(sequence_number: int) -> None:
        history = getattr(sender, "_RTCRtpSender__rtp_history")  # noqa: B009
        packet = history.get(sequence_number % getattr(rtcrtpsender, "RTP_HISTORY_SIZE"))  # noqa: B009
        if packet is not None:
            send_again_as(next((one for one in lanes().values() if one.payload_type == packet.payload_type), None))
        await retransmit(sequence_number)

    for name, bridged in (
        ("_run_rtp", run_with_own), ("_next_encoded_frame", next_encoded), ("_retransmit", retransmit_in_lane),
    ):  # fmt: skip
        setattr(sender, name, bridged)


def pack_h264(unit: bytes) -> list[bytes]:
    """The payloads of one access unit in Annex B, of any profile (RFC 6184, packetization mode 1)."""
    return H264Encoder._packetize(H264Encoder._split_bitstream(unit))


def _format_of(codec: RTCRtpCodecParameters) -> VideoFormat | None:
    profile = codec.parameters.get("profile-level-id")
    return _PROFILES.get(str(profile)) if codec.name.lower() == "h264" else _FORMATS.get(codec.name.lower())
