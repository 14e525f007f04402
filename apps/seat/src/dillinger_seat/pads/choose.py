"""How the gamepads of a session reach its game, or why they can't. Blocks for a moment where the kernel makes them."""

from __future__ import annotations

from pathlib import Path

import structlog

from dillinger_contracts.cell import INTERPOSER
from dillinger_contracts.errors import Unavailable
from dillinger_contracts.session import SeatSpec
from dillinger_seat.cell.paths import SharedPaths

from .interposed import InterposedPads
from .library import INTERPOSER_FILE, MISSING
from .slots import PadSlots
from .uinput import UinputPads

log = structlog.get_logger()


def pads_of(spec: SeatSpec, shared: SharedPaths) -> PadSlots:
    """The gamepads of `spec`, none plugged in; their folder has to be there before the cell is."""
    shared.pads_dir.mkdir(mode=0o755)
    if spec.uinput_pads and spec.isolation == "bubblewrap":
        try:
            return PadSlots(UinputPads(shared.pads_dir, spec.uinput_pads))
        except Unavailable as error:
            log.warning("uinput_refused", reason=error.message)
            _empty(shared.pads_dir)
    if spec.isolation == "none":
        return PadSlots(None, "it runs without a sandbox, on the machine's own /dev/input")
    if not INTERPOSER_FILE.is_file():
        return PadSlots(None, MISSING)
    return PadSlots(InterposedPads(shared.pads_dir, INTERPOSER))


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()
