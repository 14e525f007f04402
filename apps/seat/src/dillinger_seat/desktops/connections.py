"""What both kinds of desktop do with the connections that they hold: use those that are made, and let go of them."""

from __future__ import annotations

import contextlib
from typing import Protocol, TypeVar

from dillinger_contracts.errors import DillingerError
from dillinger_stream.capture.base import CaptureError

T = TypeVar("T")


class Connection(Protocol):
    """To a display server."""

    def close(self) -> None:
        """May raise `DillingerError` where the server is gone."""
        ...


def connected(held: T | None) -> T:
    """`held`; raises `CaptureError` where it is not made yet, or let go of."""
    if held is None:
        raise CaptureError("The display is not up")
    return held


def close_each(*connections: Connection | None) -> None:
    """Closes those that are made, whatever becomes of the others."""
    for held in connections:
        if held is not None:
            with contextlib.suppress(DillingerError):
                held.close()
