"""A Windows game reads a viewer's gamepad, by XInput and by the old joystick calls, and lets it rumble."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from apps.seat.tests.test_seat_pads import RIGHT, SOUTH, Player, player, stamp
from apps.seat.tests.test_seat_wine import START_S, templates

from dillinger_contracts.input import Pad, PadGone
from dillinger_programs.wine import wine_version

__all__ = ["templates"]

SOURCE = Path(__file__).with_name("guests") / "pads.c"
XINPUT_A, XINPUT_RIGHT = 0x1000, 0x0008

pytestmark = pytest.mark.skipif(wine_version() is None, reason="no Wine on this machine")


@pytest.fixture
def game(rig: Any, templates: Path) -> Any:
    """A rig whose seat finds the template, and the program in the game's folder."""
    program = rig.game_dir / "pads.exe"
    subprocess.run(["x86_64-w64-mingw32-gcc", "-O1", "-o", str(program), str(SOURCE), "-lwinmm"], check=True)
    rig.overrides.update(wine_templates_dir=str(templates), start_timeout_s=START_S)
    return rig


async def press_until(viewer: Player, game: Any, lines: tuple[str, ...], **state: int) -> None:
    """Wine reads a device a little later than it tells of it, so a person's second try counts too."""
    async with asyncio.timeout(START_S):
        while not all(map(game.has_printed, lines)):
            await viewer.send(Pad(pad=0, client_time_ms=stamp(), **state))
            with contextlib.suppress(AssertionError):
                for line in lines:
                    await game.printed(line, timeout_s=1)
            await viewer.send(Pad(pad=0, client_time_ms=stamp()))
            with contextlib.suppress(AssertionError):
                await game.printed("xinput buttons 0000", timeout_s=1)


async def test_a_windows_game_plays_with_the_pad_and_lets_it_rumble(game: Any) -> None:
    game.start_launch({"kind": "wine", "command": ["./pads.exe"]})
    await game.printed("ready", START_S)
    async with player(game) as viewer:
        await viewer.send(Pad(pad=0, client_time_ms=stamp()))
        await game.printed("xinput added", START_S)
        buttons = f"xinput buttons {XINPUT_A | XINPUT_RIGHT:04x}"
        lines = (buttons, "xinput x 32767", "xinput trigger 255")
        await press_until(viewer, game, lines, buttons=SOUTH | RIGHT, left_x=32767, right_trigger=255)
        rumble = await viewer.hears(lambda message: message["type"] == "rumble" and message["strong"] > 0)
        assert rumble["strong"] > rumble["weak"] > 0
        await game.printed("joy added", START_S)
        await press_until(viewer, game, ("joy buttons 1",), buttons=SOUTH)
        await viewer.send(PadGone(pad=0, client_time_ms=stamp()))
        await game.printed("xinput removed", START_S)
