"""The Protocol of a desktop that already exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from dillinger_stream.capture.base import CaptureSource
from dillinger_stream.clipboard.base import Clip, Clipboard
from dillinger_stream.errors import CaptureError
from dillinger_stream.input.base import InputSink


class DesktopSource(Clipboard, Protocol):
    """Somebody's desktop: it is there before us and stays after us, and its size is its own."""

    kind: str
    """As the settings name it: `x11`."""
    name: str
    """What its owner calls it: `:1`."""
    key: str
    """The same desktop has the same key, whatever it was called; fit for a file's name."""
    on_copied: Callable[[Clip], None]
    """A program copied something; called on the loop."""
    on_pointer_moved: Callable[[], None]
    """Input moved the pointer, where the picture does not tell by itself; called on the loop."""
    shares_clipboard: bool
    """Whether what is copied and pasted is shared."""
    question: str | None
    """What is to be done at the desktop while `connect` waits; None where nothing is asked there."""
    set_keyboard: Callable[[str], Awaitable[None]] | None
    """Gives the stream's own keyboard the layout of who plays; None where the desktop's one keyboard is its owner's."""

    async def connect(self) -> None:
        """Raises `CaptureError` where the desktop is not there or refuses, with a hint."""
        ...

    def open_capture(self) -> CaptureSource:
        """A new source of its pixels; called on the pipeline's thread. Raises `CaptureError`."""
        ...

    def sink(self) -> InputSink:
        """A new sink, for one peer's input; after `connect`."""
        ...

    async def ended(self) -> CaptureError:
        """Returns when the desktop is gone, with how."""
        ...

    async def close(self) -> None:
        """Lets go of it; idempotent, and fine before `connect`."""
        ...
