"""How the gamepads of a session reach its game, or why they can't."""

from __future__ import annotations

from dillinger_contracts.cell import INTERPOSER
from dillinger_contracts.session import SeatSpec
from dillinger_seat.cell.paths import SharedPaths

from .interposed import InterposedPads
from .library import INTERPOSER_FILE, MISSING
from .slots import PadSlots


def pads_of(spec: SeatSpec, shared: SharedPaths) -> PadSlots:
    """The gamepads of `spec`, none plugged in; their folder has to be there before the cell is."""
    shared.pads_dir.mkdir(mode=0o755)
    if spec.isolation == "none":
        return PadSlots(None, "it runs without a sandbox, on the machine's own /dev/input")
    if not INTERPOSER_FILE.is_file():
        return PadSlots(None, MISSING)
    return PadSlots(InterposedPads(shared.pads_dir, INTERPOSER))
