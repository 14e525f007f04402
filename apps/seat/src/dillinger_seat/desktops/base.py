"""The Protocols of a display: its server, which is a part of the cell, and what the seat holds of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from dillinger_contracts.game import DisplayConfiguration, Size
from dillinger_seat.cell.cell import Cell, Part
from dillinger_seat.cell.paths import CellPaths
from dillinger_stream.clipboard.base import Clip, Clipboard

if TYPE_CHECKING:
    from dillinger_stream.capture.base import CaptureSource
    from dillinger_stream.input.base import InputSink


DISPLAY = "display"
READY_TIMEOUT_S = 10.0


class DisplayServer(Protocol):
    """Made before the cell is, since sockets of it may have to be there; ends with the cell. On the loop."""

    variables: dict[str, str]
    """What a game needs to show something; known once the server is ready."""

    @property
    def listen_fds(self) -> tuple[int, ...]:
        """Sockets that the cell is to inherit."""
        ...

    def move_in(self, cell: Cell, paths: CellPaths) -> None:
        """The cell is up."""
        ...

    async def start(self, wanted: DisplayConfiguration) -> Part:
        """Starts it; raises `PartFailed` or `Unavailable`."""
        ...

    async def wait_ready(self, part: Part) -> None:
        """Returns when it takes connections; raises `Unavailable` when it died or takes too long, or `Unsupported`."""
        ...

    def desktop(self, *, on_pointer_moved: Callable[[], None]) -> Desktop:
        """What the seat holds of it, not connected yet. Imports what takes long."""
        ...

    async def set_keyboard(self, layout: str) -> None:
        """`de` or `us:dvorak`, as XKB names them; raises `Unsupported` or `Unavailable`, and leaves it as it was."""
        ...

    def close(self) -> None:
        """Lets go of what is outside of the cell."""
        ...


class Desktop(Clipboard, Protocol):
    """A display inside the cell, connected to before any guest is. On the loop; what blocks is done in a thread."""

    on_copied: Callable[[Clip], None]
    """A program copied something."""

    async def connect(self, wanted: DisplayConfiguration) -> None:
        """Connects, and sets the size that the game wants; raises `CaptureError`."""
        ...

    @property
    def has_windows(self) -> bool:
        """Whether anything shows, as of the last change."""
        ...

    async def first_window(self) -> None:
        """Returns when a guest shows its first window, fitted to the desktop."""
        ...

    async def keep_fitted(self) -> None:
        """Fits whatever becomes the main window, until cancelled or the display is gone (which others notice too)."""
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
