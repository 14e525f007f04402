"""What a picture goes through from the game's drawing to the glass: names of the stages, and of what is told of them.

One vocabulary for the seat's figures, the APIs, `/metrics`, the page and recordings. Pure. Leaves it to others to
measure (`dillinger_stream.transport.trail`, its pipeline) and to advise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import Field

from .model import WireModel

Stage = Literal[
    "wait", "capture", "convert", "encode", "queue", "packetise", "send", "relay", "network", "delivery", "decode",
    "paint",
]  # fmt: skip
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which a picture goes through them."""
MEANINGS: Mapping[Stage, str] = MappingProxyType({
    "wait": "Damage in the framebuffer → the grab begins",
    "capture": "Pixels grabbed from the display server",
    "convert": "RGB to the encoder's colours",
    "encode": "The encoder",
    "queue": "Encoded → its turn on this viewer's path",
    "packetise": "RTP payloads, or the WebSocket message, made",
    "send": "Until the last of it was handed to the socket: encryption, pacing, waiting for room",
    "relay": "Core's relay; only where the WebSocket carries",
    "network": "Half of the network's own round trip",
    "delivery": "The rest of the way: handed over by sockets and loops at both ends, waited for in a jitter buffer",
    "decode": "The browser's decoder",
    "paint": "The browser's drawing",
})  # fmt: skip

StageTimes = dict[Stage, Annotated[float, Field(ge=0)]]
"""Milliseconds; a stage that nobody measured is left out."""
NO_TIMES: StageTimes = {}
"""A default, which each model copies."""


class Advice(WireModel):
    """What to do about a stage that takes too long, with the figures that say so."""

    code: str
    """Of the rule, such as `encode_slow`."""
    reason: str
    action: str
    """The one thing to do; empty where it is being done already."""


class PictureTrace(WireModel):
    """One picture's way. Times are of the seat's monotonic clock."""

    sequence: int
    captured_at_us: int
    """The damage in the framebuffer."""
    encoded_at_us: int
    sent_at_us: int | None = None
    """None: not on its way to this viewer (yet), or dropped."""
    shown_at_us: int | None = None
    """When the viewer's word came that it is shown."""
    bits: int
    is_keyframe: bool = False
    stages_ms: StageTimes = NO_TIMES
    """Of this picture alone; `network` and `relay` as they were measured last."""


class StreamTrace(WireModel):
    """The pictures of the last seconds, on their way to who plays (or came first, where nobody does)."""

    transport: Literal["websocket", "webrtc"] | None = None
    width_px: int | None = None
    height_px: int | None = None
    rate_hz: float | None = None
    """What the viewer wishes."""
    pictures: tuple[PictureTrace, ...] = ()
