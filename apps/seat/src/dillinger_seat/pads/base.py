"""The Protocol of gamepads that a game sees, however its cell gets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .layout import DeviceState

OnRumble = Callable[[float, float, int], None]
"""Strength of the heavy and of the light motor, 0 to 1, and for how many milliseconds."""


class PadDevice(Protocol):
    """One plugged-in gamepad. On the loop; never blocks."""

    def show(self, state: DeviceState) -> None:
        """From now on it stands so; who reads it hears what changed, and who reads too slowly the newest alone."""
        ...

    def close(self) -> None:
        """Unplugs it; idempotent."""
        ...


class PadDevices(Protocol):
    """A way to give a cell gamepads."""

    def plug(self, number: int, on_rumble: OnRumble) -> PadDevice:
        """A gamepad at rest, under a number that is free; raises `Unavailable`."""
        ...

    @property
    def variables(self) -> dict[str, str]:
        """What a game needs to find them."""
        ...

    def close(self) -> None:
        """Unplugs what is left; idempotent."""
        ...
