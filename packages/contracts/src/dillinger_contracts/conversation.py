"""Who may say what when in a conversation between a browser and a seat: the seat's side, sans-IO.

It is fed with text and says what it means, or raises.

    awaiting_hello ── hello | watch ──▶ open ── bye | fault ──▶ closed
"""

from __future__ import annotations

from enum import StrEnum

from .errors import Conflict, DillingerError
from .signaling import (
    SIGNALING_VERSION,
    Bye,
    Candidate,
    Description,
    FromBrowser,
    Hello,
    SignalingError,
    Watch,
    parse_from_browser,
)

MAX_FAULTS = 10


class SignalingState(StrEnum):
    """Where a peer's conversation stands."""

    AWAITING_HELLO = "awaiting_hello"
    OPEN = "open"
    CLOSED = "closed"


class SignalingMachine:
    """The seat's side of one conversation; does no I/O."""

    def __init__(self) -> None:
        self.state = SignalingState.AWAITING_HELLO
        self._offer_open = False
        self._is_watch = False
        self._faults = 0

    def receive(self, text: str | bytes) -> FromBrowser:
        """The message in `text`, if it may be said now; raises `Invalid` or `Conflict`, and closes after ten faults.

        Before the hello a single fault closes: nothing is known of who speaks.
        """
        try:
            message = self._receive(text)
        except DillingerError:
            self.fault()
            raise
        if isinstance(message, Bye):
            self.state = SignalingState.CLOSED
        return message

    def _receive(self, text: str | bytes) -> FromBrowser:
        if self.state is SignalingState.CLOSED:
            raise Conflict("This conversation is over")
        message = parse_from_browser(text)
        if self.state is SignalingState.AWAITING_HELLO:
            if not isinstance(message, Hello | Watch):
                raise Conflict(f"The first message is hello, not {message.type}")
            if message.version != SIGNALING_VERSION:
                raise SignalingError(
                    f"This seat speaks version {SIGNALING_VERSION}, not {message.version}",
                    field="version", hint="Reload the page",
                )  # fmt: skip
            self.state = SignalingState.OPEN
            self._is_watch = isinstance(message, Watch)
        elif isinstance(message, Hello | Watch):
            raise Conflict("Hello was said already")
        elif self._is_watch and not isinstance(message, Candidate | Bye):
            raise Conflict(f"A player that watches has candidates and a goodbye to say, no {message.type}")
        if isinstance(message, Description):
            if message.kind != "answer" or not self._offer_open:
                raise Conflict("The seat offers, the browser answers, once for each offer")
            self._offer_open = False
        return message

    def fault(self) -> None:
        """Counts a fault, also one outside the text (a malformed binary message, an answer that can't be used)."""
        self._faults += 1
        if self.state is SignalingState.AWAITING_HELLO or self._faults >= MAX_FAULTS:
            self.state = SignalingState.CLOSED

    def offered(self) -> None:
        """The seat has sent an offer: one answer may come."""
        self._offer_open = True

    def binary_allowed(self) -> bool:
        """Whether a binary (input) message may come now."""
        return self.state is SignalingState.OPEN
