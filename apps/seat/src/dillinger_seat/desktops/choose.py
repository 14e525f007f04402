"""Which display a game gets: by how its entry says that it is drawn."""

from __future__ import annotations

from dillinger_contracts.session import SeatSpec
from dillinger_seat.cell.paths import SharedPaths

from .base import DisplayServer
from .sway import Sway
from .xvfb import Xvfb

_LEAST_HZ = 60.0


def display_of(spec: SeatSpec, shared: SharedPaths) -> DisplayServer:
    """The display server of `spec`, not started; raises `Unavailable`."""
    session = spec.session
    if session.game.display.desktop == "wayland":
        return Sway(shared, rate_hz=max(_LEAST_HZ, session.profile.rate_hz))
    return Xvfb(shared, is_isolated=spec.isolation != "none")
