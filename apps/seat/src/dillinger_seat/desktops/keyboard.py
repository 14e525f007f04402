"""The layout of a desktop's keyboard: `setxkbmap` in the cell, since it is the display server there that loads keymaps.

Keys travel as places on the keyboard (evdev numbers), so the layout decides what they write. A game that runs takes a
change as it would at a desk (MappingNotify). Nothing is run for the layout that the server starts with.
"""

from __future__ import annotations

import asyncio

from dillinger_contracts.errors import Unsupported
from dillinger_contracts.session import FIRST_LAYOUT
from dillinger_seat.cell.cell import Cell, Program
from dillinger_seat.cell.paths import CellPaths

KEYBOARD = "keyboard"


class Keyboard:
    """One desktop's. On the loop."""

    def __init__(self, cell: Cell, paths: CellPaths, variables: dict[str, str]) -> None:
        """`variables` lead to the display."""
        self._cell = cell
        self._environment = paths.environment | variables
        self._layout = FIRST_LAYOUT
        self._turn = asyncio.Lock()

    async def set(self, layout: str) -> None:
        """`de` or `us:dvorak`, as XKB names them; raises `Unsupported` or `Unavailable`, and leaves it as it was."""
        async with self._turn:
            if layout == self._layout:
                return
            name, _, variant = layout.partition(":")
            program = Program(
                argv=("setxkbmap", "-layout", name, "-variant", variant, "-option", ""),
                env=self._environment,
                cwd="/",
            )
            part = await self._cell.run(KEYBOARD, program)
            how = await asyncio.shield(part.ended)
            if how.code != 0:
                raise Unsupported(f"This keyboard layout can't be had: {layout}")
            self._layout = layout
