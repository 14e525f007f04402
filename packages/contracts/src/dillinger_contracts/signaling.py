"""Signaling between a browser and a seat: the JSON text messages of `dillinger.signal.v1`.

Binary messages on the same socket are input (browser → seat, see `input`) and media (seat → browser, see `media`). Who
may say what when is told by `conversation`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from .clips import ClipboardOffer, ClipboardPart, ClipboardTaken, ClipboardWant
from .cursor import Cursor, CursorAt
from .errors import Invalid
from .floor import FloorWish, People
from .ice import IceServer
from .model import Model
from .session import SessionEnd, StreamProfile, VideoFormat
from .stages import NO_TIMES, Advice, StageTimes

SUBPROTOCOL = "dillinger.signal.v1"
SIGNALING_VERSION = 1
HELLO_DEADLINE_S = 5.0
MAX_SIGNAL_BYTES = 65_536
TransportKind = Literal["websocket", "webrtc"]


class Hello(Model):
    """First message of the browser; the ticket travels here and never in a URL."""

    type: Literal["hello"] = "hello"
    version: int = Field(ge=1, le=1000)
    ticket: str = Field(max_length=2048, repr=False)
    transport: Literal["auto", "websocket", "webrtc"] = "auto"
    is_webrtc_able: bool = True
    profile: StreamProfile = StreamProfile()
    carried_by: TransportKind | None = None
    """What carried the picture of a conversation that was cut off just now, in which this one follows on."""
    device: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,64}$", repr=False)
    """A secret of the page, by which the seat knows it again when its link was lost; empty: it has none."""
    draws_cursor: bool = False
    """It draws the pointer itself, as `cursor` tells; with one viewer that does not, the picture has to hold it."""


class Watch(Model):
    """First message for a standard player, which brings an offer of its own: it watches by WebRTC and does no more.

    Said by core for the players of its WHEP endpoint (draft-ietf-wish-whep). The seat answers with a `Description`;
    candidates and a goodbye may follow, and the socket lives as long as the connection.
    """

    type: Literal["watch"] = "watch"
    version: int = Field(ge=1, le=1000)
    ticket: str = Field(max_length=2048, repr=False)
    sdp: str = Field(max_length=40_000)
    """Escaped it is longer, and has to fit into one message."""


class Resize(Model):
    """The viewer's window has a new size; the desktop follows where the game allows it."""

    type: Literal["resize"] = "resize"
    width_px: int = Field(ge=160, le=7680)
    height_px: int = Field(ge=120, le=4320)


class SetProfile(Model):
    """The viewer wants another quality."""

    type: Literal["profile"] = "profile"
    profile: StreamProfile


class SetTransport(Model):
    """The viewer wants another transport, or `auto` again."""

    type: Literal["set_transport"] = "set_transport"
    transport: Literal["auto", "websocket", "webrtc"]


class Decoders(Model):
    """What the browser can decode over its WebSocket, told once it has tried; until then that is H.264's baseline."""

    type: Literal["decoders"] = "decoders"
    formats: tuple[VideoFormat, ...] = Field(max_length=16)


class KeyframeWanted(Model):
    """The decoder can't go on without a keyframe."""

    type: Literal["keyframe"] = "keyframe"


class Description(Model):
    """An SDP offer (seat) or answer (browser; the seat to a player that watches)."""

    type: Literal["description"] = "description"
    kind: Literal["offer", "answer"]
    sdp: str = Field(max_length=60_000)


class Candidate(Model):
    """A trickled ICE candidate of the browser; an empty one ends the list (RFC 8838)."""

    type: Literal["candidate"] = "candidate"
    candidate: str = Field(max_length=2000)
    sdp_mid: str | None = Field(default=None, max_length=100)
    sdp_m_line_index: int | None = Field(default=None, ge=0, le=16)


class Ping(Model):
    """Asks for a `Pong` with the same time; the browser measures round trips with it."""

    type: Literal["ping"] = "ping"
    time_ms: float


class ClientStats(Model):
    """What the browser measured in the last second; None is unknown."""

    type: Literal["client_stats"] = "client_stats"
    shown_fps: float | None = Field(default=None, ge=0, le=1000)
    rtt_ms: float | None = Field(default=None, ge=0, le=600_000)
    loss_ratio: float | None = Field(default=None, ge=0, le=1)
    latency_ms: float | None = Field(default=None, ge=0, le=600_000)
    webrtc_rtt_ms: float | None = Field(default=None, ge=0, le=600_000)


class TcpPath(Model):
    """What the kernel knows of the TCP connection to the browser, since the report before.

    Said by core's relay, where that connection ends, while the socket carries media. A browser that says it deceives
    nobody but itself: it steers the bitrate and the transport of its own picture.
    """

    type: Literal["tcp_path"] = "tcp_path"
    interval_ms: float = Field(gt=0, le=600_000)
    rtt_ms: float = Field(ge=0, le=600_000)
    """Smoothed, of the moment."""
    acked_bytes: int = Field(ge=0, le=1 << 40)
    queued_bytes: int = Field(ge=0, le=1 << 40)
    """Not sent yet, in core and in its kernel."""
    sent_segments: int = Field(ge=0, le=1 << 40)
    resent_segments: int = Field(ge=0, le=1 << 40)
    duplicate_segments: int = Field(default=0, ge=0, le=1 << 40)
    """The browser had them already (DSACK): they were not lost, only late. Told some time after they were resent."""
    relay_ms: float | None = Field(default=None, ge=0, le=600_000)
    """How long core itself held what it passed on, the mean; None where there is no relay."""


class Bye(Model):
    """The viewer leaves on purpose."""

    type: Literal["bye"] = "bye"


FromBrowser = (
    Hello
    | Watch
    | Resize
    | SetProfile
    | SetTransport
    | Decoders
    | KeyframeWanted
    | Description
    | Candidate
    | Ping
    | ClientStats
    | TcpPath
    | ClipboardOffer
    | ClipboardWant
    | ClipboardPart
    | FloorWish
    | Bye
)


class Welcome(Model):
    """The seat's answer to `Hello`."""

    type: Literal["welcome"] = "welcome"
    version: int = SIGNALING_VERSION
    peer_id: int
    role: Literal["player", "viewer"]
    """At first; `people` says who plays from then on."""
    has_sound: bool
    is_resizable: bool
    ice_servers: tuple[IceServer, ...] = ()
    """For the browser's side of WebRTC."""
    has_microphone: bool = False
    """The game can hear this peer while it plays."""
    has_clipboard: bool = False
    """Copying and pasting between game and browser is possible while this peer plays."""
    has_head_tracking: bool = False
    """The game follows how this peer's device is turned while it plays (`look` of the input protocol)."""


class VideoConfig(Model):
    """What the picture stream is from the next keyframe on."""

    type: Literal["video_config"] = "video_config"
    codec: str
    """A WebCodecs codec string, such as `avc1.PPCCLL`."""
    width_px: int
    height_px: int
    desktop_width_px: int | None = None
    desktop_height_px: int | None = None
    """What the picture is a picture of, where that is larger: the viewer scales it up. None: the same."""


class TransportChosen(Model):
    """The transport that carries the picture from now on, and why."""

    type: Literal["transport"] = "transport"
    transport: TransportKind
    reason: str


class PointerTaken(Model):
    """Whether the game has taken the pointer (hidden and grabbed): then the viewer's mouse should be locked to it."""

    type: Literal["pointer"] = "pointer"
    is_taken: bool


class Rumble(Model):
    """The game lets this peer's gamepad rumble from now on; both strengths 0 ends it."""

    type: Literal["rumble"] = "rumble"
    pad: int
    """The peer's own number for it."""
    strong: float
    """Of the heavy motor, 0 to 1."""
    weak: float
    """Of the light one."""
    duration_ms: int


class Pong(Model):
    """Answer to `Ping`."""

    type: Literal["pong"] = "pong"
    time_ms: float


class ServerStats(Model):
    """What the seat measured in the last second; None is unknown."""

    type: Literal["server_stats"] = "server_stats"
    capture_fps: float | None = None
    encode_ms_p50: float | None = None
    bitrate_bps: float | None = None
    latency_ms_p50: float | None = None
    """Capture → drawn in the browser, from the `shown` messages, the way back included."""
    dropped_frames: int = 0
    target_bps: int | None = None
    """What the encoder may use for this viewer's path; None where the path bears all that is wished."""
    limit_hz: float | None = None
    """How many pictures a second the seat makes, since the network carries no more that are sharp; None for all."""
    limit_reason: str | None = None
    """Why there are fewer or smaller pictures than are wished; None where there are not."""
    codec_reason: str | None = None
    """Why the pictures are encoded as they are."""
    formats: tuple[VideoFormat, ...] = ()
    """What this viewer may choose: decoded there, and encoded here in time."""
    viewers: int = 1
    stages_ms_p50: StageTimes = NO_TIMES
    """Where a picture's time goes on its way to this viewer, medians; what nobody measured is left out."""
    stages_ms_p95: StageTimes = NO_TIMES
    advice: tuple[Advice, ...] = ()
    """What to do about it, the gravest first."""


class Notice(Model):
    """Something the viewer should know: a part was restarted, a message was not understood."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning", "error"]
    code: str
    message: str
    hint: str | None = None


class Ended(Model):
    """The session is over; the socket closes after it."""

    type: Literal["ended"] = "ended"
    end: SessionEnd


FromSeat = (
    Welcome
    | VideoConfig
    | TransportChosen
    | Description
    | PointerTaken
    | Cursor
    | CursorAt
    | People
    | ClipboardOffer
    | ClipboardWant
    | ClipboardPart
    | ClipboardTaken
    | Rumble
    | Pong
    | ServerStats
    | Notice
    | Ended
)
SignalMessage = FromBrowser | FromSeat

_FROM_BROWSER: TypeAdapter[FromBrowser] = TypeAdapter(Annotated[FromBrowser, Field(discriminator="type")])
_FROM_SEAT: TypeAdapter[FromSeat] = TypeAdapter(Annotated[FromSeat, Field(discriminator="type")])


def first_fault(error: ValidationError) -> Invalid:
    """The first thing that pydantic minds, as one sentence with the field's dotted path."""
    fault = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in fault["loc"])
    return Invalid(f"{path or 'message'}: {fault['msg']}", field=path or None)


class SignalingError(Invalid):
    """A signaling message that can't be read: too long, of no known kind, with a field amiss, of another version."""


def _parse(adapter: TypeAdapter[Any], text: str | bytes) -> Any:
    if len(text) > MAX_SIGNAL_BYTES:
        raise SignalingError(f"A signaling message has at most {MAX_SIGNAL_BYTES} bytes, this one {len(text)}")
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        fault = first_fault(error)
        raise SignalingError(fault.message, field=fault.field) from error


def parse_from_browser(text: str | bytes) -> FromBrowser:
    """A browser's message; raises `Invalid` with the field at fault."""
    message: FromBrowser = _parse(_FROM_BROWSER, text)
    return message


def parse_from_seat(text: str | bytes) -> FromSeat:
    """A seat's message; raises `Invalid`."""
    message: FromSeat = _parse(_FROM_SEAT, text)
    return message
