"""Whether 32-bit programs are to run in a cell: its filter has to let them make sockets where it can't look."""

from __future__ import annotations

from pathlib import Path

from dillinger_contracts.game import NativeLaunch
from dillinger_contracts.session import SeatSpec
from dillinger_contracts.wine import ProtonLaunch, WineLaunch
from dillinger_programs.kinds import identify_file
from dillinger_programs.wine import has_32_bit


def runs_32_bit(spec: SeatSpec) -> bool:
    """By the game's own program, or where Wine may start one at any time; what a script starts is not looked at."""
    launch = spec.session.game.launch
    match launch:
        case WineLaunch():
            return spec.isolation == "container" or has_32_bit()  # a container has a Wine of its own
        case ProtonLaunch():
            return True
        case NativeLaunch() if launch.command[0].startswith("./"):
            program = identify_file(Path(spec.library_dir) / spec.session.game.game_id / launch.command[0][2:])
            return program is not None and program.bits == 32
        case _:
            return False
