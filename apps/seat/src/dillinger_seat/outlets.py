"""The Protocol of where a session is seen: browsers that its stream goes to, or the display of its machine."""

from __future__ import annotations

from typing import Protocol

from dillinger_contracts.session import SeatStats, SessionEnd
from dillinger_contracts.stages import StreamTrace


class Outlet(Protocol):
    """Open from the session's start to its end. On the loop."""

    @property
    def peers(self) -> int:
        """How many watch or play."""
        ...

    def pointer_moved(self) -> None:
        """The pointer is part of the picture."""
        ...

    def notify(self, code: str, message: str, *, hint: str | None = None) -> None:
        """Tells whoever watches."""
        ...

    def stats(self) -> SeatStats:
        """The last second's figures."""
        ...

    def trace(self) -> StreamTrace:
        """What became of the last pictures."""
        ...

    async def interrupt(self, message: str) -> None:
        """The session starts anew: whoever watches is to come again, and is told why."""
        ...

    async def end(self, end: SessionEnd) -> None:
        """Whoever watches is told how it ended."""
        ...

    async def close(self) -> None:
        """Nothing is seen any more; idempotent."""
        ...
