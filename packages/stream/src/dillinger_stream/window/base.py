"""The Protocol of a window on a display of this machine, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dillinger_contracts.input import InputEvent
from dillinger_stream.errors import WindowError as WindowError
from dillinger_stream.frames import Frame


@dataclass(frozen=True, slots=True)
class Resized:
    """The window has another size."""

    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The person who sits there closed it."""


WindowEvent = InputEvent | Resized | Closed


class HostWindow(Protocol):
    """Used by one thread at a time. Every method may raise `WindowError`: the display is gone, or refuses."""

    @property
    def is_stale(self) -> bool:
        """Whether the next picture has to be a whole one."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether a picture can be taken now; when that changes, something happened."""
        ...

    def fileno(self) -> int:
        """Readable when something happened."""
        ...

    def read(self) -> list[WindowEvent]:
        """What happened since the last call, without waiting."""
        ...

    def paint(self, frame: Frame) -> None:
        """Shows what `frame` brings; returns when the display has taken it."""
        ...

    def hold_pointer(self, *, is_held: bool) -> None:
        """The pointer is the game's: it stays in the window and moves by steps, until it is given back."""
        ...

    def close(self) -> None:
        """Takes the window away; idempotent."""
        ...
