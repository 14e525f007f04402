"""gamescope around a game: the command, to the word; and what is said where there is none."""

from __future__ import annotations

import shutil
from typing import Any, Literal

import pytest

from dillinger_contracts.game import DisplayConfiguration, Gamescope
from dillinger_contracts.lifecycle import EndReason
from dillinger_seat.guests.gamescope import gamescope_argv

DISPLAY = DisplayConfiguration(width_px=1280, height_px=960)
SIZES = "-w 640 -h 480 -W 1280 -H 960"


@pytest.mark.parametrize(
    ("filter_", "is_new", "words"),
    [
        ("linear", True, "-F linear"),
        ("nearest", True, "-F nearest"),
        ("integer", True, "-S integer -F nearest"),
        ("fsr", True, "-F fsr"),
        ("linear", False, ""),
        ("nearest", False, "-n"),
        ("integer", False, "-i -n"),
        ("fsr", False, "-U"),
    ],
)
def test_the_command_is_of_the_gamescope_that_is_there(
    filter_: Literal["linear", "nearest", "integer", "fsr"], is_new: bool, words: str
) -> None:
    wish = Gamescope(width_px=640, height_px=480, filter=filter_)
    argv = gamescope_argv(wish, DISPLAY, ("./a game", "-x"), is_new=is_new)
    assert argv == ("gamescope", *f"{SIZES} {words} -f --".split(), "./a game", "-x")


@pytest.mark.skipif(
    shutil.which("gamescope", path="/usr/games:/usr/bin") is not None, reason="there is a gamescope here"
)
async def test_a_game_that_wants_one_is_refused_where_there_is_none(rig: Any) -> None:
    rig.display = {"gamescope": {"width_px": 640, "height_px": 480}}
    rig.start("/usr/bin/python3", "-I", "/game/window.py")
    end = await rig.ended()
    assert end.reason is EndReason.REFUSED, rig.describe()
    assert "There is no gamescope where the game runs" in end.message and "[display.gamescope]" in end.message
    assert not rig.has_printed("window shows") and rig.traces() == []
