"""One peer's hands on the game: its keys and pointer, its gamepads, what it copies and says, as far as it may now.

Who plays changes while the stream goes on. At every change whatever is held is let go, and what a gamepad stood for
stays plugged in for whoever comes next; what a watcher does reaches nothing. On the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import structlog

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import InputEvent, Pad, PadGone, ReleaseAll
from dillinger_contracts.signaling import FromSeat

from .clipboard.base import Clip
from .host import Host
from .input.base import InputSink
from .sharing import ClipMessage, Sharing

log = structlog.get_logger()


class Grip(Enum):
    """How much of the game is in a peer's hands."""

    NOTHING = "nothing"
    PADS = "pads"
    ALL = "all"


class Hands:
    """Between one peer and the game."""

    def __init__(
        self, host: Host, *, peer_id: int, say: Callable[[FromSeat], None], notice: Callable[[str, str], None]
    ) -> None:
        """`notice` says a thing with a code once."""
        self.grip = Grip.NOTHING
        self._host = host
        self._peer_id = peer_id
        self._say = say
        self._notice = notice
        self._sink: InputSink | None = None
        self._sharing: Sharing | None = None

    def take(self, grip: Grip) -> None:
        """From now on it has this grip; everything that was held is let go."""
        if grip is self.grip:
            return
        self._let_go()
        self.grip = grip
        if grip is not Grip.NOTHING:
            try:
                self._sink = self._host.make_sink(self._say)
            except Unavailable as error:
                self._notice("input_unavailable", error.message)
        if grip is Grip.ALL:
            self._sharing = Sharing(self._host.clipboard, self._host.voice, speaker=self._peer_id, say=self._say)

    def close(self) -> None:
        """The peer is gone; idempotent."""
        self.take(Grip.NOTHING)

    def handle(self, event: InputEvent) -> None:
        """Gives the game what it may have of `event`; raises nothing that the peer is not told."""
        if self._sink is None or (self.grip is Grip.PADS and not isinstance(event, Pad | PadGone | ReleaseAll)):
            if not isinstance(event, ReleaseAll):
                self._notice("viewer_input", "You are watching: only the player's keys and pointer count")
            return
        try:
            if isinstance(event, ReleaseAll):
                self._sink.release_all()
            else:
                self._sink.handle(event)
        except Unavailable as error:
            log.warning("input_refused", peer_id=self._peer_id, error=error.message)
            self._notice("input_unavailable", error.message)

    def release_all(self) -> None:
        """Lets go of every key and button, and keeps the grip; the peer is told where that fails."""
        if self._sink is not None:
            self.handle(ReleaseAll())

    def offer_clip(self, clip: Clip) -> None:
        """What the game copied."""
        if self._sharing is not None:
            self._sharing.offer(clip)

    def take_clip_message(self, message: ClipMessage) -> None:
        """Raises `Invalid` or `Unsupported`."""
        if self._sharing is None:
            self._notice("viewer_clipboard", "You are watching: only the player copies and pastes")
        else:
            self._sharing.take_clip_message(message)

    def take_voice(self, packet: bytes) -> None:
        """Raises `Invalid`, `Unsupported` or `Unavailable`."""
        if self._sharing is None:
            self._notice("viewer_voice", "You are watching: the game hears its player only")
        else:
            self._sharing.take_voice(packet)

    def _let_go(self) -> None:
        self._sharing = None
        sink, self._sink = self._sink, None
        if sink is None:
            return
        try:
            sink.close()
        except Unavailable as error:
            log.warning("input_release_failed", peer_id=self._peer_id, error=error.message)
