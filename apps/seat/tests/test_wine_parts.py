"""What needs no Wine of a Windows game: the registry's text, filling a prefix in, the overlay, Wine's words."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from dillinger_contracts.wine import RegistryValue, VirtualDesktop, WineLaunch
from dillinger_seat.cell.layers import Layer, over, overlay_refusal
from dillinger_seat.guests import prefix
from dillinger_seat.guests.wine_output import SAME_END_S, WineOutput
from dillinger_seat.guests.wine_settings import registry_edits, wine_variables

REGISTRY = r"""WINE REGISTRY Version 2
;; All keys relative to \\User\\S-1-5-21-0-0-0-1000

#arch=win64

[Software\\Wine] 1700566650
#time=1da1c6e4b5f6b2e
"Version"="win10"
"Long"=hex:01,02,\
  03,04

[Software\\Wine\\Fonts] 1700566650
"Codepages"="1252,437"
"""
KEY = "Software\\Wine"


def test_a_value_is_set_changed_and_taken_away() -> None:
    changed = prefix.merged(REGISTRY, [(KEY, "version", "win98"), (KEY, "Number", 255), ("Software\\New", "", "x")])
    assert '"version"="win98"' in changed and "win10" not in changed
    assert '"Number"=dword:000000ff' in changed
    assert changed.endswith('\n[Software\\\\New] 0\n@="x"\n')
    assert prefix.merged(changed, [(KEY, "Version", None), (KEY, "Absent", None)]).count("win98") == 0


def test_a_value_of_several_lines_goes_as_a_whole() -> None:
    changed = prefix.merged(REGISTRY, [(KEY, "Long", None)])
    assert "03,04" not in changed and '"Codepages"' in changed


def test_what_is_set_already_changes_nothing() -> None:
    assert prefix.merged(REGISTRY, [(KEY, "Version", "win10")]) == REGISTRY


def test_text_stays_in_its_quotes() -> None:
    assert prefix.registry_line('a"b\\', 'ä\n"x"\U0001f600') == r'"a\"b\\"="\x00e4\n\"x\"\xd83d\xde00"'


def test_settings_become_values_and_the_game_s_own_come_last() -> None:
    launch = WineLaunch(
        command=("./a.exe",),
        windows_version="win98",
        dll_overrides={"ddraw": "native,builtin", "d3d9": "disabled"},
        virtual_desktop=VirtualDesktop(width_px=640, height_px=480),
        registry=(RegistryValue(key=r"HKLM\System\CurrentControlSet\Control", name="n", type="dword", value=5),),
    )
    assert registry_edits(launch) == [
        ("user.reg", "Software\\Wine\\WineDbg", "ShowCrashDialog", 0),
        ("user.reg", "Software\\Wine", "Version", "win98"),
        ("user.reg", "Software\\Wine\\DllOverrides", "ddraw", "native,builtin"),
        ("user.reg", "Software\\Wine\\DllOverrides", "d3d9", ""),
        ("user.reg", "Software\\Wine\\Explorer", "Desktop", "Default"),
        ("user.reg", "Software\\Wine\\Explorer\\Desktops", "Default", "640x480"),
        ("system.reg", "System\\ControlSet001\\Control", "n", 5),
    ]
    assert wine_variables(launch, "/home/player")["WINEPREFIX"] == "/home/player/.dillinger/prefixes/default"


def test_what_the_entry_no_longer_says_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / "user.reg").write_text(REGISTRY)
    state: dict[str, object] = {}
    prefix.apply_settings({"registry": [["user.reg", KEY, "Desktop", "Default"]]}, tmp_path, state)
    assert "Desktop" in (tmp_path / "user.reg").read_text()
    prefix.apply_settings({"registry": []}, tmp_path, state)
    assert (tmp_path / "user.reg").read_text() == REGISTRY


def test_a_prefix_is_filled_in_and_what_is_there_stays(tmp_path: Path) -> None:
    template, made = tmp_path / "template", tmp_path / "prefix"
    (template / "drive_c/windows").mkdir(parents=True)
    (template / "drive_c/windows/big.dll").write_bytes(b"x" * 100_000)
    (template / "dosdevices").symlink_to("drive_c")
    (template / "user.reg").write_text("template's")
    made.mkdir()
    (made / "user.reg").write_text("player's")
    assert prefix.fill(template, made) == 2
    assert (made / "user.reg").read_text() == "player's"
    copy = made / "drive_c/windows/big.dll"
    assert copy.read_bytes() == b"x" * 100_000 and (made / "dosdevices").readlink() == Path("drive_c")
    copy.write_bytes(b"changed")
    assert (template / "drive_c/windows/big.dll").read_bytes() == b"x" * 100_000, "others have the same template"
    assert prefix.fill(template, made) == 0


def test_dxvk_takes_the_place_of_wine_s_own_and_gives_it_back(tmp_path: Path) -> None:
    template, made, runtimes = tmp_path / "template", tmp_path / "prefix", tmp_path / "runtimes"
    for folder in (template, made):
        (folder / "drive_c/windows/system32").mkdir(parents=True)
    (template / "drive_c/windows/system32/d3d9.dll").write_text("wine's")
    (made / "drive_c/windows/system32/d3d9.dll").symlink_to(template / "drive_c/windows/system32/d3d9.dll")
    wish = {"template": str(template), "runtimes": str(runtimes), "layers": ["dxvk"]}
    state: dict[str, object] = {}
    with pytest.raises(prefix.FailedError, match="runtimes/dxvk"):
        prefix.apply_layers(wish, made, state)
    (runtimes / "dxvk-2.6/x64").mkdir(parents=True)
    (runtimes / "dxvk-2.6/x64/d3d9.dll").write_text("dxvk's")
    prefix.apply_layers(wish, made, state)
    assert (made / "drive_c/windows/system32/d3d9.dll").read_text() == "dxvk's"
    assert (template / "drive_c/windows/system32/d3d9.dll").read_text() == "wine's", "others have the same template"
    prefix.apply_layers(wish | {"layers": []}, made, state)
    assert (made / "drive_c/windows/system32/d3d9.dll").read_text() == "wine's"
    edits = registry_edits(WineLaunch(command=("a.exe",), vkd3d=True, dll_overrides={"d3d12": "builtin"}))
    assert [edit[2:] for edit in edits[1:]] == [("d3d12", "builtin"), ("d3d12core", "native")]


def test_of_a_template_that_can_not_be_written_libraries_are_links(tmp_path: Path) -> None:
    source = tmp_path / "windows" / "a.dll"
    source.parent.mkdir()
    source.write_bytes(b"x")
    assert prefix.linked(source, tmp_path / "a.dll", True) and (tmp_path / "a.dll").is_symlink()
    assert not prefix.linked(source, tmp_path / "b.dll", False)
    source.unlink()
    (tmp_path / "new.dll").write_bytes(b"new")
    assert prefix.give(tmp_path / "new.dll", tmp_path / "a.dll", is_fixed=False), "a link that leads nowhere"
    assert (tmp_path / "a.dll").read_bytes() == b"new"


def test_the_program_is_looked_at(tmp_path: Path) -> None:
    def program(machine: int) -> str:
        path = tmp_path / f"{machine}.exe"
        path.write_bytes(b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", machine))
        return str(path)

    assert prefix.is_32_bit(program(0x14C)) and not prefix.is_32_bit(program(0x8664))
    (tmp_path / "short.exe").write_bytes(b"MZ")
    assert not prefix.is_32_bit(str(tmp_path / "short.exe")) and not prefix.is_32_bit("notepad")
    (tmp_path / "drive_c/Old Games").mkdir(parents=True)
    (tmp_path / "drive_c/Old Games/A.EXE").touch()
    assert prefix.drive_path(tmp_path, r"c:\old games\a.exe") == tmp_path / "drive_c/Old Games/A.EXE"
    assert prefix.drive_path(tmp_path, r"C:\nowhere\a.exe") is None and prefix.drive_path(tmp_path, "notepad") is None


def overlay(template: Path, home: Path, folder: str, *command: str) -> str:
    above, _, name = folder.rpartition("/")
    argv = over((Layer((str(template),), str(home), folder, f"{above}/.work/{name}"),), list(command))
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    template, home = tmp_path / "template", tmp_path / "home"
    template.mkdir()
    home.mkdir()
    (template / "system.reg").write_text("template's\n")
    if overlay_refusal() is not None:
        pytest.skip("this kernel lets nobody mount an overlay in a user namespace")
    return template, home


def test_an_overlay_keeps_what_is_changed_and_leaves_the_template(layers: tuple[Path, Path]) -> None:
    template, home = layers
    there = home / "a/b"
    assert overlay(template, home, "a/b", "sh", "-c", f"cat {there}/system.reg; echo mine > {there}/system.reg") == (
        "template's\n"
    )
    assert (template / "system.reg").read_text() == "template's\n"
    assert (there / "system.reg").read_text() == "mine\n"
    assert overlay(template, home, "a/b", "cat", f"{there}/system.reg") == "mine\n"
    assert (home / "a/.work/b/work").stat().st_mode & 0o777 == 0o700, "its owner can remove it"


def test_what_an_installer_left_lies_between_the_template_and_the_player(
    layers: tuple[Path, Path], tmp_path: Path
) -> None:
    template, home = layers
    installed = tmp_path / "installed"
    installed.mkdir()
    (template / "notes").write_text("the template's")
    (installed / "system.reg").write_text("installed\n")
    os.mknod(installed / "notes", stat.S_IFCHR)
    layer = Layer((str(installed), str(template)), str(home), "a/b", "a/.work/b")
    argv = over((layer,), ["sh", "-c", f"ls {home}/a/b; cat {home}/a/b/system.reg"])
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "system.reg\ninstalled\n", "and what it removed is gone"
    prefix.fill(installed, tmp_path / "filled")
    prefix.fill(template, tmp_path / "filled")
    assert (tmp_path / "filled/system.reg").read_text() == "installed\n"


def test_a_link_that_a_game_left_in_the_way_is_not_followed(layers: tuple[Path, Path], tmp_path: Path) -> None:
    template, home = layers
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / "links").symlink_to(elsewhere)
    said = overlay(template, home, "links/b", "sh", "-c", f"ls {elsewhere}; echo ran")
    assert said.splitlines()[0].startswith("overlay refused") and said.endswith("ran\n")
    assert list(elsewhere.iterdir()) == []


def heard(*lines: str, at_s: float = 100.0) -> WineOutput:
    output = WineOutput()
    for line in lines:
        output.take(line.encode(), at_s)
    return output


FAULT = (
    "wine: Unhandled page fault on write access to 0000000000000000 at address 000000014000160B (thread 00cc), starting"
)


def test_an_exception_just_before_the_end_is_the_end() -> None:
    trouble = heard(FAULT).trouble(100.5, has_failed=False)
    assert trouble is not None and trouble.text == "crashed: page fault on write access to 0000000000000000"
    assert heard(FAULT).trouble(100.0 + SAME_END_S + 1, has_failed=False) is None, "another process's, long ago"


def test_what_a_program_lacks_is_named_when_it_failed() -> None:
    line = r'0024:err:module:import_dll Library FOO.dll (which is needed by L"Z:\\game\\a.exe") not found'
    trouble = heard(line).trouble(100.0, has_failed=True)
    assert trouble is not None and trouble.text == "could not start: a.exe needs FOO.dll, which is not there"
    assert heard(line).trouble(100.0, has_failed=False) is None


def test_of_the_debugger_s_dump_the_backtrace_is_shown() -> None:
    output = WineOutput()
    lines = ["hello", FAULT, "Register dump:", " rip:00", "Stack dump:", "Backtrace:", "=>0 main", "Modules:",
             "PE 00", "System information:", "    Host version: 6.1", "bye"]  # fmt: skip
    shown = [line for line in lines if output.take(line.encode(), 1.0)]
    assert shown == ["hello", FAULT, "Backtrace:", "=>0 main", "bye"]
