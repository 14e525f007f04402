"""What a hub is given, what a peer asks of its hub, and how a hub treats its peers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from dillinger_contracts.floor import FloorWish
from dillinger_contracts.game import Size
from dillinger_contracts.ice import MediaAccess
from dillinger_contracts.session import Preference, VideoFormat
from dillinger_contracts.signaling import HELLO_DEADLINE_S, FromSeat, ServerStats
from dillinger_contracts.stages import Stage
from dillinger_contracts.tickets import TicketClaims

from .clipboard.base import Clipboard
from .formats import CodecWish
from .input.base import InputSink
from .sound.voice import Voice
from .transport.udp_port import UdpPort

if TYPE_CHECKING:
    from .peer import Peer


class PipelineFigures(Protocol):
    """What the hub tells peers of a pipeline's last second, as `PipelineStats` has it; None is unknown."""

    @property
    def capture_fps(self) -> float | None: ...
    @property
    def encode_ms_p50(self) -> float | None: ...
    @property
    def bitrate_bps(self) -> float | None: ...
    @property
    def limit_hz(self) -> float | None: ...
    @property
    def limit_reason(self) -> str | None: ...
    @property
    def codec_reason(self) -> str | None: ...
    @property
    def formats(self) -> tuple[VideoFormat, ...]: ...
    @property
    def width_px(self) -> int | None: ...
    @property
    def height_px(self) -> int | None: ...
    @property
    def rate_hz(self) -> float | None: ...
    @property
    def format(self) -> VideoFormat: ...
    @property
    def is_hardware(self) -> bool: ...
    @property
    def is_steady(self) -> bool: ...
    @property
    def cpu_share(self) -> float | None: ...
    @property
    def stages(self) -> Mapping[Stage, Sequence[float]]: ...


class Video(Protocol):
    """The video pipeline, as the hub uses it; nothing here blocks."""

    def request_keyframe(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def reconfigure(
        self,
        *,
        bitrate_bps: int | None = None,
        rate_hz: float | None = None,
        preference: Preference | None = None,
        codec: CodecWish | None = None,
        hold_until_ns: int | None = None,
        draws_pointer: bool | None = None,
    ) -> None: ...
    def stats(self) -> PipelineFigures: ...


class Sound(Protocol):
    """The sound pipeline, as the hub uses it."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...


@dataclass(frozen=True, slots=True)
class HubParts:
    """What a hub is given."""

    admit: Callable[[str], TicketClaims]
    """Ticket → its claims, once; raises `Denied`."""
    make_sink: Callable[[Callable[[FromSeat], None]], InputSink]
    """A sink of one peer's own, from what speaks to that peer's browser."""
    resize: Callable[[int, int], Awaitable[Size]] | None
    """Even width and height → what was really set; None where the desktop's size is fixed."""
    has_sound: bool
    on_peers_changed: Callable[[int], None]
    clipboard: Clipboard | None = None
    """What players paste into; None where nothing is shared."""
    set_keyboard: Callable[[str], Awaitable[None]] | None = None
    """Gives the desktop's keyboard a layout; raises `DillingerError`. None where that is not ours to do."""
    voice: Voice | None = None
    """The game's microphone; None where it has none."""
    has_head_tracking: bool = False
    """Whether a sink takes how the player's head is turned."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How a hub treats its peers."""

    max_peers: int = 16
    spare_peers: int = 2
    """So many more of the session's owner and of admins, so that guests never lock them out."""
    hello_deadline_s: float = HELLO_DEADLINE_S
    """From the accepted connection to the hello."""
    stats_interval_s: float = 1.0
    keyframe_spacing_s: float = 0.25
    """Between two keyframes that peers asked for; watchers get fewer (see `keyframes`)."""
    media: MediaAccess = field(default_factory=MediaAccess)
    """Where browsers reach the stream by UDP."""


class Host(Protocol):
    """What a peer asks of its hub."""

    settings: HubSettings
    udp_port: UdpPort
    is_resizable: bool
    is_pointer_taken: bool
    has_sound: bool
    clipboard: Clipboard | None
    voice: Voice | None
    has_head_tracking: bool

    def admit(self, ticket: str) -> TicketClaims:
        """Raises `Denied`."""
        ...

    def make_sink(self, say: Callable[[FromSeat], None]) -> InputSink:
        """A sink of the peer's own, which may `say` something to its browser."""
        ...

    def join(self, peer: Peer) -> None:
        """From now on the peer gets units, and plays if it is its turn; raises `Exhausted` when the house is full."""
        ...

    def leave(self, peer: Peer) -> None:
        """It gets and does nothing any more. Idempotent."""
        ...

    def tell_people(self, peer: Peer) -> None:
        """Tells a peer that was welcomed who is there."""
        ...

    def wish_floor(self, peer: Peer, wish: FloorWish) -> None:
        """A word on who should play; raises what `Floor.act` does."""
        ...

    def want_keyframe(self, peer: Peer) -> None:
        """Soon, and not too often."""
        ...

    def wish_changed(self) -> None:
        """A peer's profile changed."""
        ...

    def want_size(self, peer: Peer, width_px: int, height_px: int) -> None:
        """The newest wish wins."""
        ...

    def want_keyboard(self, peer: Peer, layout: str) -> None:
        """The newest wish wins."""
        ...

    def server_stats(self, peer: Peer) -> ServerStats:
        """This second's figures, those of the peer's own pictures among them."""
        ...
