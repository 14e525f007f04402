"""One peer's input, shared out between sinks that each take what is theirs: keys and pointer, gamepads."""

from __future__ import annotations

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import InputEvent

from .base import InputSink


class SeveralSinks:
    """All of one peer's sinks."""

    def __init__(self, *sinks: InputSink) -> None:
        self._sinks = sinks

    def handle(self, event: InputEvent) -> None:
        """To each of them; raises `Unavailable` when one of them does."""
        for sink in self._sinks:
            sink.handle(event)

    def release_all(self) -> None:
        """Lets go of everything, also where one of them can't; then raises what that raised."""
        self._each("release_all")

    def close(self) -> None:
        """Likewise."""
        self._each("close")

    def _each(self, act: str) -> None:
        failed: Unavailable | None = None
        for sink in self._sinks:
            try:
                getattr(sink, act)()
            except Unavailable as error:
                failed = error
        if failed is not None:
            raise failed
