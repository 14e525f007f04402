"""A game under Proton, as far as it can be tried without one: a stand-in that notes what it was given, and plays."""

from __future__ import annotations

import json
from typing import Any

from dillinger_contracts.lifecycle import EndReason

STAND_IN = """#!/usr/bin/env python3
import json, os, sys
names = ("STEAM_COMPAT_", "Steam", "UMU_ID", "WINEDEBUG", "DISPLAY", "GAME_")
given = {name: value for name, value in os.environ.items() if name.startswith(names)}
with open(os.environ["STEAM_COMPAT_DATA_PATH"] + "/given.json", "w") as file:
    json.dump({"argv": sys.argv[1:], "cwd": os.getcwd(), "environment": given}, file)
os.execv("/usr/bin/python3", ["python3", "-I", "/game/window.py", "--then", sys.argv[-1]])
"""


def install(rig: Any, name: str) -> None:
    folder = rig.root / "library/runtimes" / name
    folder.mkdir(parents=True)
    (folder / "proton").write_text(STAND_IN)
    (folder / "proton").chmod(0o755)


async def test_proton_is_started_as_steam_does_it_and_its_program_plays(rig: Any) -> None:
    install(rig, "GE-Proton 9")
    rig.start_launch({
        "kind": "proton", "command": ["./bin/game.exe", "exit:7"], "runtime": "GE-Proton 9", "app_id": 2280,
        "directory": "game", "environment": {"GAME_A": "b"}, "wine_debug": "+d3d", "prefix": "mods",
    })  # fmt: skip
    end = await rig.ended(30.0)
    assert (end.reason, end.exit_code) == (EndReason.GAME_CRASHED, 7), rig.describe()
    assert "game.exe ended with exit code 7" in end.message and "window shows" in end.log_tail
    data = "/home/player/.dillinger/proton/mods"
    given = json.loads((rig.saves_dir / ".dillinger/proton/mods/given.json").read_text())
    assert given["argv"] == ["waitforexitandrun", "/game/bin/game.exe", "exit:7"]
    assert given["cwd"] == "/game"
    assert given["environment"] == {
        "STEAM_COMPAT_DATA_PATH": data, "STEAM_COMPAT_CLIENT_INSTALL_PATH": "/home/player/.dillinger/steam",
        "STEAM_COMPAT_INSTALL_PATH": "/game", "STEAM_COMPAT_TOOL_PATHS": "/opt/dillinger/runtimes/GE-Proton 9",
        "STEAM_COMPAT_SHADER_PATH": f"{data}/shadercache", "STEAM_COMPAT_APP_ID": "2280", "SteamAppId": "2280",
        "SteamGameId": "2280", "UMU_ID": "umu-2280", "WINEDEBUG": "+d3d", "DISPLAY": ":0", "GAME_A": "b",
    }  # fmt: skip
    assert {"cell", "display", "game", "prefix"} <= set(rig.runner.steps)


async def test_a_proton_that_is_not_in_the_library_is_named(rig: Any) -> None:
    rig.start_launch({"kind": "proton", "command": ["./game.exe"], "runtime": "GE-Proton8-1"})
    end = await rig.ended(30.0)
    assert end.reason is EndReason.REFUSED
    assert "GE-Proton8-1" in end.message and "runtimes/GE-Proton8-1/proton" in end.message
