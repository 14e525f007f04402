"""The Protocol of an input sink."""

from __future__ import annotations

from typing import Protocol

from dillinger_contracts.input import InputEvent


class InputSink(Protocol):
    """Where one peer's input goes. Used from the loop; never blocks longer than a socket write."""

    def handle(self, event: InputEvent) -> None:
        """Injects `event`; raises `Unavailable` when the display is gone."""
        ...

    def release_all(self) -> None:
        """Lets go of every key and button that this peer holds; idempotent."""
        ...

    def close(self) -> None:
        """The peer is gone: lets go, and gives back what it had for itself. Idempotent."""
        ...
