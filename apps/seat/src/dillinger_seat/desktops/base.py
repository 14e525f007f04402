"""The Protocol of a desktop: what a guest draws on, and what the seat holds of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dillinger_contracts.game import DisplayConfiguration, Size
from dillinger_stream.capture.base import CaptureSource
from dillinger_stream.clipboard.base import Clip, Clipboard
from dillinger_stream.input.base import InputSink


class Desktop(Clipboard, Protocol):
    """A display inside the cell, connected to before any guest is. On the loop; what blocks is done in a thread."""

    on_copied: Callable[[Clip], None]
    """A program copied something."""

    async def connect(self, wanted: DisplayConfiguration) -> None:
        """Connects, and sets the size that the game wants; raises `CaptureError`."""
        ...

    async def first_window(self) -> None:
        """Returns when a guest shows its first window, fitted to the desktop."""
        ...

    async def resize(self, size: Size) -> Size:
        """Resizes the desktop; returns what was really set."""
        ...

    async def silent_s(self) -> float:
        """For how long the game has not looked at its window's events, 0 where that can't be told; to be called every
        few seconds. Raises `CaptureError`."""
        ...

    async def is_pointer_taken(self) -> bool:
        """Whether the game has taken the pointer for itself; raises `CaptureError`."""
        ...

    def open_capture(self) -> CaptureSource:
        """A new source of this desktop's pixels; called on the pipeline's thread. Raises `CaptureError`."""
        ...

    def sink(self) -> InputSink:
        """A new sink, for one peer's input."""
        ...

    async def close(self) -> None:
        """Lets go of the display; its server ends with the cell. Idempotent."""
        ...
