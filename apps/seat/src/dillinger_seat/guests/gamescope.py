"""A game inside gamescope, a compositor for one program, which scales the game's picture to the desktop.

It is tried first, in the same cell on the same display, with a program that ends at once: what keeps it from starting
is told then, with what to do. Unverified: it wants a graphics card whose Vulkan driver shares pictures (DRM format
modifiers), which no machine that this was made on has. Its words are those of 3.11 to 3.16; what 3.12 renamed is asked
for as the one that is there says (`--help`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dillinger_contracts.errors import Unsupported
from dillinger_contracts.game import DisplayConfiguration, Gamescope
from dillinger_seat.cell.cell import GUEST, Cell, Part, PartFailed, Program

COMPOSITOR = "gamescope"
_TRY = "gamescope-trial"
_TRY_S = 20.0
_OLD_FILTERS = {"linear": (), "nearest": ("-n",), "integer": ("-i", "-n"), "fsr": ("-U",)}
_FILTERS = {
    "linear": ("-F", "linear"),
    "nearest": ("-F", "nearest"),
    "integer": ("-S", "integer", "-F", "nearest"),
    "fsr": ("-F", "fsr"),
}
_IS_NEW = '"$1" --help 2>&1 | grep -q -e --filter'
_HINT = (
    "Take [display.gamescope] out of game.toml; or install gamescope where the game runs (Debian 12 has it, 13 not), "
    "which needs a graphics card's Vulkan driver"
)


def gamescope_argv(
    wish: Gamescope, display: DisplayConfiguration, command: tuple[str, ...], *, is_new: bool
) -> tuple[str, ...]:
    """`command` inside a gamescope that fills `display`. Pure."""
    sizes = (("-w", wish.width_px), ("-h", wish.height_px), ("-W", display.width_px), ("-H", display.height_px))
    return (
        COMPOSITOR,
        *(word for name, size_px in sizes for word in (name, str(size_px))),
        *(_FILTERS if is_new else _OLD_FILTERS)[wish.filter],
        "-f",
        "--",
        *command,
    )


async def run_guest(cell: Cell, program: Program, display: DisplayConfiguration) -> Part:
    """Starts the game, inside a gamescope where its entry says so. Raises `PartFailed` for the game's own program, and
    `Unsupported` with why there can be no gamescope."""
    if display.gamescope is None:
        return await cell.run(GUEST, program)
    is_new = await _code(cell, replace(program, argv=("/bin/sh", "-c", _IS_NEW, "sh", COMPOSITOR))) == 0
    trial = gamescope_argv(display.gamescope, display, ("/bin/true",), is_new=is_new)
    code = await _code(cell, replace(program, argv=trial))
    if code != 0:
        said = next((line for line in reversed(cell.own_log.tail()) if line.strip()), f"code {code}")
        raise Unsupported(f"gamescope does not start here: {said}", hint=_HINT)
    argv = gamescope_argv(display.gamescope, display, program.argv, is_new=is_new)
    return await cell.run(GUEST, replace(program, argv=argv))


async def _code(cell: Cell, program: Program) -> int | None:
    """How a program of the trial ended; None where it did not within its time, or was killed."""
    try:
        part = await cell.run(_TRY, program)
    except PartFailed as error:
        raise Unsupported(f"There is no gamescope where the game runs ({error.message})", hint=_HINT) from error
    try:
        async with asyncio.timeout(_TRY_S):
            return (await asyncio.shield(part.ended)).code
    except TimeoutError:
        return None
