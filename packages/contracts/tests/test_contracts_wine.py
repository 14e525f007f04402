"""What a game.toml may say of a Windows game: winecfg's settings as data, each refused at its own field."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from dillinger_contracts.game import Game
from dillinger_contracts.wine import ProtonLaunch, WineLaunch

FULL = r"""
schema = 1
title = "Old Game"

[launch]
kind = "wine"
command = ["./bin/game.exe", "-window"]
directory = "game"
prefix = "editor"
architecture = "win32"
windows_version = "win98"
dxvk = true
winetricks = ["d3dx9"]
wine_debug = "-all,+d3d"
virtual_desktop = { width_px = 640, height_px = 480 }

[launch.environment]
GAME_LANGUAGE = "en"

[launch.dll_overrides]
ddraw = "native,builtin"

[[launch.registry]]
key = 'HKCU\Software\Old Game'
name = "Volume"
type = "dword"
value = 7
"""


def wine(**fields: Any) -> dict[str, Any]:
    return {"game_id": "old", "title": "Old", "launch": {"kind": "wine", "command": ["./a.exe"], **fields}}


def test_a_full_windows_game_is_read_and_comes_back_the_same() -> None:
    game = Game.model_validate({**tomllib.loads(FULL), "game_id": "old"})
    assert isinstance(game.launch, WineLaunch)
    assert game.launch.program == "game.exe"
    assert game.launch.registry[0].key == r"HKEY_CURRENT_USER\Software\Old Game"
    assert Game.model_validate_json(game.model_dump_json(by_alias=True)) == game


def test_a_proton_game_names_its_runtime() -> None:
    launch = {"kind": "proton", "command": [r"C:\Games\a.exe"], "runtime": "GE-Proton9-20", "app_id": 2280}
    game = Game.model_validate(wine() | {"launch": launch})
    assert isinstance(game.launch, ProtonLaunch) and game.launch.program == "a.exe"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("windows_version", "win12"),
        ("prefix", "../other"),
        ("prefix", ""),
        ("architecture", "arm64"),
        ("directory", "/etc"),
        ("dll_overrides", {"../x": "native"}),
        ("dll_overrides", {"d3d9": "mine"}),
        ("virtual_desktop", {"width_px": 641, "height_px": 480}),
        ("environment", {"WINEPREFIX": "/tmp/x"}),
        ("environment", {"STEAM_COMPAT_DATA_PATH": "/tmp/x"}),
        ("environment", {"DISPLAY": ":1"}),
        ("winetricks", ["--version; rm"]),
        ("winetricks", ["-q"]),
        ("wine_debug", "all;x"),
        ("registry", [{"key": "HKCR\\x", "value": "a"}]),
        ("registry", [{"key": "HKCU", "value": "a"}]),
        ("registry", [{"key": "HKCU\\a]\n[b", "value": "a"}]),
        ("registry", [{"key": "HKCU\\a", "name": "x\ny", "value": "a"}]),
        ("registry", [{"key": "HKCU\\a", "type": "dword", "value": "a"}]),
        ("registry", [{"key": "HKCU\\a", "type": "dword", "value": 1 << 32}]),
        ("registry", [{"key": "HKCU\\a", "value": 5}]),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_wrong_setting_is_refused_at_its_field(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        Game.model_validate(wine(**{field: value}))
    assert {str(part) for error in refused.value.errors() for part in error["loc"]} >= {"launch", "wine", field}


@pytest.mark.parametrize("runtime", ["..", "../../etc", "a/b", "", ".hidden", "x" * 65])
def test_no_runtime_leaves_its_folder(runtime: str) -> None:
    with pytest.raises(ValidationError):
        Game.model_validate(wine() | {"launch": {"kind": "proton", "command": ["./a.exe"], "runtime": runtime}})
