"""What a peer asks of its hub, and how a hub treats its peers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from dillinger_contracts.ice import MediaAccess
from dillinger_contracts.signaling import HELLO_DEADLINE_S, FromSeat, ServerStats
from dillinger_contracts.tickets import TicketClaims

from .clipboard.base import Clipboard
from .input.base import InputSink
from .sound.voice import Voice
from .transport.udp_port import UdpPort

if TYPE_CHECKING:
    from collections.abc import Callable

    from .peer import Peer


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How a hub treats its peers."""

    max_peers: int = 16
    hello_deadline_s: float = HELLO_DEADLINE_S
    """From the accepted connection to the hello."""
    stats_interval_s: float = 1.0
    keyframe_spacing_s: float = 0.25
    """Between two keyframes that peers asked for."""
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

    def admit(self, ticket: str) -> TicketClaims:
        """Raises `Denied`."""
        ...

    def make_sink(self, say: Callable[[FromSeat], None]) -> InputSink:
        """A sink of the peer's own, which may `say` something to its browser."""
        ...

    def join(self, peer: Peer) -> None:
        """From now on the peer gets units; raises `Exhausted` when the house is full."""
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

    def server_stats(self) -> ServerStats:
        """This second's figures that all peers share."""
        ...
