"""The Protocol of a transport: one peer's way of getting pictures and sound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from dillinger_contracts.signaling import SignalMessage, TransportKind
from dillinger_stream.frames import AccessUnit, SoundPacket


@dataclass(frozen=True, slots=True)
class NetworkFeedback:
    """What a transport learned of its network; None is unknown."""

    keyframe_wanted: bool = False
    rtt_ms: float | None = None
    loss_ratio: float | None = None
    backlog_frames: int | None = None


class Transport(Protocol):
    """One peer's media path. All methods are called on the loop."""

    kind: TransportKind

    async def negotiate(self, message: SignalMessage) -> list[SignalMessage]:
        """Takes a signaling message that concerns this transport, returns the answers."""
        ...

    def push(self, unit: AccessUnit) -> None:
        """Never blocks; a late peer drops units and asks for a keyframe through `feedback`."""
        ...

    def push_sound(self, packet: SoundPacket) -> None:
        """Never blocks; late sound is dropped."""
        ...

    def feedback(self) -> AsyncIterator[NetworkFeedback]:
        """Ends when the transport is closed."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...
