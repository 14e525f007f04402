"""Which guest plays a game: by how its entry says that it starts."""

from __future__ import annotations

from collections.abc import Callable

from dillinger_contracts.errors import Unsupported
from dillinger_contracts.game import NativeLaunch
from dillinger_contracts.session import SeatSpec
from dillinger_contracts.wine import ProtonLaunch, WineLaunch
from dillinger_seat.cell.cell import Cell
from dillinger_seat.cell.game_folder import library_folder
from dillinger_seat.cell.paths import cell_paths, runtimes_dir
from dillinger_seat.cell.windows import template_path

from .appimage import unpacked
from .base import Guest
from .native import NativeGuest
from .proton import ProtonGuest
from .wine import WineGuest

GUEST_KINDS = frozenset({"native", "wine", "proton"})


def guest_of(spec: SeatSpec, cell: Cell, *, has_windows: Callable[[], bool]) -> Guest:
    """The guest of `spec`, not started; raises `Unsupported` for a kind that there is none for."""
    game, paths, file_bytes = spec.session.game, cell_paths(spec), spec.session.resources.saves_bytes
    display = game.display
    has_card = spec.has_graphics_card and display.desktop == "x11"  # a Wayland compositor reads no card's pictures here
    match launch := game.launch:
        case NativeLaunch():
            return NativeGuest(
                cell, launch, paths, display=display, file_bytes=file_bytes, has_windows=has_windows,
                has_graphics_card=has_card, runtimes_dir=runtimes_dir(spec),
                app_dir=unpacked(library_folder(spec), launch.command[0]),
            )  # fmt: skip
        case WineLaunch():
            return WineGuest(
                cell, launch, paths, display=display, template=template_path(spec), file_bytes=file_bytes,
                has_windows=has_windows, has_graphics_card=has_card,
            )  # fmt: skip
        case ProtonLaunch():
            return ProtonGuest(
                cell, launch, paths, display=display, file_bytes=file_bytes, has_windows=has_windows,
                has_graphics_card=has_card,
            )  # fmt: skip
        case _:
            raise Unsupported(f"There is no guest for {launch.kind} games")
