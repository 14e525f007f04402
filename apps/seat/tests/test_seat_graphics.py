"""What a game is told of graphics cards, by equality: to draw in software, but where its cell was given a card."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from dillinger_contracts.errors import DillingerError
from dillinger_contracts.session import SeatSpec
from dillinger_seat.cell.cell import PartFailed, Program
from dillinger_seat.guests.choose import guest_of

SOFTWARE = {"LIBGL_ALWAYS_SOFTWARE": "1", "SDL_RENDER_DRIVER": "software"}
LAUNCHES: list[dict[str, Any]] = [
    {"kind": "native", "command": ["./game"]},
    {"kind": "wine", "command": ["./game.exe"]},
    {"kind": "proton", "command": ["./game.exe"], "runtime": "GE-Proton9"},
]


class Recorder:
    """A cell that starts nothing, and remembers what the last program would have been told."""

    def __init__(self) -> None:
        self.guest_log = type("Log", (), {})()
        self.environment: dict[str, str] = {}

    async def run(self, name: str, program: Program) -> None:
        self.environment = dict(program.env)
        raise PartFailed(name, errno.ENOENT, program.argv[0])


async def told(spec: SeatSpec) -> dict[str, str]:
    """The environment that the game is started with; Wine's prefix is made with the same."""
    cell: Any = Recorder()
    guest = guest_of(spec, cell, has_windows=lambda: False)
    with pytest.raises(DillingerError):
        await (guest.prepare() if spec.session.game.launch.kind == "wine" else guest.launch({"DISPLAY": ":0"}))
    environment: dict[str, str] = cell.environment
    assert environment["SDL_VIDEODRIVER"] == "x11"
    return environment


@pytest.mark.parametrize("launch", LAUNCHES, ids=lambda launch: launch["kind"])
async def test_a_game_draws_in_software_unless_its_cell_has_a_card(rig: Any, launch: dict[str, Any]) -> None:
    without = await told(rig.spec(launch))
    rig.overrides["has_graphics_card"] = True
    with_card = await told(rig.spec(launch))
    assert without == with_card | SOFTWARE
    assert not with_card.keys() & SOFTWARE.keys()


async def test_a_card_changes_nothing_on_a_wayland_desktop(rig: Any) -> None:
    """Its compositor draws with the processor, and reads no picture that lies in a card."""
    rig.display["desktop"] = "wayland"
    without = await told(rig.spec(LAUNCHES[0]))
    rig.overrides["has_graphics_card"] = True
    assert without == await told(rig.spec(LAUNCHES[0])) and SOFTWARE.items() <= without.items()
