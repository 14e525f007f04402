"""The Protocol of a capture source."""

from __future__ import annotations

from typing import Protocol

from dillinger_stream.errors import CaptureError as CaptureError
from dillinger_stream.errors import RequestRefusedError as RequestRefusedError
from dillinger_stream.frames import Frame, PointerSeen


class CaptureSource(Protocol):
    """A desktop's pixels. Used by one thread only: the pipeline's. Every method may raise `CaptureError`."""

    def fileno(self) -> int:
        """Readable when something may have changed."""
        ...

    @property
    def pointer(self) -> PointerSeen | None:
        """The pointer as last seen; None where nobody tells how it looks, and it is always part of the picture."""
        ...

    def wait(self, timeout_s: float | None, wake_fd: int) -> bool:
        """Blocks until the screen is damaged (True), or `wake_fd` is readable, `pointer` new or the time up (False)."""
        ...

    def draw_pointer(self, *, is_drawn: bool) -> None:
        """Whether the pointer is part of the picture from now on, as it is at first; damage where that changes it."""
        ...

    def pointer_moved(self) -> bool:
        """Told that the pointer may have moved; whether the picture changes by that (it then counts as damage)."""
        ...

    def grab(self, *, whole: bool = False) -> Frame:
        """The present picture; only the damaged box is copied, or all of it where `whole` or where the size changed."""
        ...

    def abort(self) -> None:
        """Ends every wait with a `CaptureError`; from any thread."""
        ...

    def close(self) -> None:
        """Frees everything; idempotent."""
        ...
