"""Windows programs in a real cell under the machine's Wine: they start, show, take input, end, and are kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from dillinger_bench.windows.build import build
from dillinger_contracts.input import Button, InputEvent, Key, Move, MoveBy, Wheel, encode
from dillinger_contracts.lifecycle import EndReason
from dillinger_programs.wine import has_32_bit, wine_version
from dillinger_saves.measure import folder_bytes
from dillinger_seat.guests.prefix import merged
from dillinger_seat.guests.wine_template import ensure_template

START_S = 60.0
"""For a start under load; no figure."""
IN_32_BIT = pytest.mark.skipif(not has_32_bit(), reason="no 32-bit half of Wine")
BITS = (64, pytest.param(32, marks=IN_32_BIT))
KEY_A, KEY_ESC, VK_A = 30, 1, 0x41

pytestmark = pytest.mark.skipif(wine_version() is None, reason="no Wine on this machine")


@pytest.fixture(scope="session")
def templates() -> Path:
    """Made once for all suites of a run, which share a home."""
    folder = Path.home() / ".cache/dillinger-tests/wine"
    ensure_template(folder)
    return folder


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the test program, `windows64.exe` and `windows32.exe`."""
    folder = tmp_path_factory.mktemp("windows")
    build(folder / "windows64.exe", 64)
    build(folder / "windows32.exe", 32)
    return folder


@pytest.fixture
def wine(rig: Any, templates: Path, programs: Path) -> Any:
    """A rig whose seat finds the template, and the programs in the game's folder."""
    rig.overrides["wine_templates_dir"] = str(templates)
    rig.overrides["start_timeout_s"] = START_S
    shutil.copytree(programs, rig.game_dir, dirs_exist_ok=True)
    return rig


def start(rig: Any, *arguments: str, bits: int = 64, **settings: Any) -> None:
    rig.start_launch({"kind": "wine", "command": [f"./windows{bits}.exe", *arguments], **settings})


async def play(rig: Any, *events: InputEvent) -> ClientConnection:
    """A viewer, who has sent these."""
    await rig.printed("focus", START_S)
    viewer: ClientConnection = await rig.view()
    await rig.next_text(viewer, "video_config")
    for event in events:
        await viewer.send(encode(event))
    return viewer


@pytest.mark.parametrize(
    ("bits", "arguments", "reason", "code", "words"),
    [
        (64, ("exit", "0"), EndReason.GAME_EXITED, 0, "windows64.exe ended"),
        (64, ("exit", "7"), EndReason.GAME_CRASHED, 7, "exit code 7"),
        # Its exit code is 0 or 1, as the debugger is late or early.
        (64, ("raise", "c0000400"), EndReason.GAME_CRASHED, None, "crashed: exception 0xc0000400"),
        pytest.param(32, ("exit", "7"), EndReason.GAME_CRASHED, 7, "exit code 7", marks=IN_32_BIT),
    ],
    ids=["exit-0", "exit-7", "fail-fast", "exit-7-of-32-bit"],
)
async def test_the_end_is_told_with_what_wine_said(
    wine: Any, bits: int, arguments: tuple[str, ...], reason: EndReason, code: int | None, words: str
) -> None:
    start(wine, *arguments, bits=bits, wine_debug="+loaddll" if code == 0 else None)
    end = await wine.ended(START_S)
    said = (wine.session_dir / "guest.log").read_text(errors="replace")
    assert ("trace:loaddll:" in said) is (code == 0), "what Wine was asked to say is in the log"
    assert end.reason is reason and code in (None, end.exit_code), wine.describe()
    assert words in end.message
    assert wine.traces() == []


@pytest.mark.parametrize("bits", BITS)
async def test_a_crash_shows_what_and_where_it_was_and_not_the_whole_dump(wine: Any, bits: int) -> None:
    start(wine, "null", bits=bits)
    end = await wine.ended(START_S)
    assert f"windows{bits}.exe crashed: page fault on write access to {0:0{bits // 4}}" in end.message
    assert any(f"in windows{bits} (+0x" in line for line in end.log_tail), end.log_tail
    assert not any("Stack dump" in line for line in end.log_tail)
    assert "Stack dump" in (wine.session_dir / "guest.log").read_text()


async def test_a_program_that_a_signal_ends_is_told_with_it(wine: Any) -> None:
    start(wine, "window")
    await wine.ready(START_S)
    for pid in pids_of_program(wine):
        with contextlib.suppress(ProcessLookupError):  # it may go with another
            os.kill(pid, signal.SIGKILL)
    end = await wine.ended(START_S)
    assert (end.reason, end.signal, end.exit_code) == (EndReason.GAME_CRASHED, "SIGKILL", None), wine.describe()
    assert end.message == "windows64.exe crashed with SIGKILL"


def pids_of_program(rig: Any) -> list[int]:
    """The test program's processes, without the sandbox that was told its name."""
    pids = [pid for pid, line in rig.processes().items() if "windows64.exe" in line and "bwrap" not in line]
    assert pids, rig.processes()
    return pids


async def test_a_game_goes_on_when_its_launcher_has_left(wine: Any) -> None:
    start(wine, "child", "1500")
    await wine.ready(START_S)
    end = await wine.ended(START_S)
    assert "child is done" in end.log_tail and end.exit_code == 3, wine.describe()


@pytest.mark.parametrize("bits", BITS)
async def test_keys_and_mouse_arrive_and_stop_is_a_shutdown_of_windows(wine: Any, bits: int) -> None:
    start(wine, "window", bits=bits)
    await wine.ready(START_S)
    keys = (Key(code=KEY_A, is_down=True), Key(code=KEY_A, is_down=False))
    click = (Button(button=1, is_down=True), Button(button=1, is_down=False))
    await play(wine, *keys, Move(x=32_768, y=32_768), *click, MoveBy(dx=7, dy=-3), Wheel(dx=0, dy=-120))
    for line in (f"key {VK_A}", f"char {ord('a')}", "button", "raw 7 -3", "wheel 120"):
        await wine.printed(line, START_S)
    await wine.runner.order_stop(EndReason.USER_STOP, grace_s=20)
    await wine.printed("session ends", START_S)
    assert (await wine.ended(START_S)).reason is EndReason.USER_STOP
    assert wine.traces() == []


async def test_a_shooter_that_puts_the_pointer_back_gets_steps(wine: Any) -> None:
    start(wine, "warp")
    await wine.ready(START_S)
    await wine.printed("focus", START_S)
    viewer = await wine.view()
    await wine.next_text(viewer, "welcome")  # what comes after it is read below: the pointer may be taken by then
    await viewer.send(encode(Move(x=32_768, y=32_768)))
    async with asyncio.timeout(START_S):
        while not wine.has_printed("step 7 -3"):  # once the game has put the pointer back
            await viewer.send(encode(MoveBy(dx=7, dy=-3)))
            await asyncio.sleep(0.25)
    async with asyncio.timeout(START_S):  # so that a page's mouse becomes relative
        while not (await wine.next_text(viewer, "pointer", START_S))["is_taken"]:
            pass


async def sized(rig: Any, viewer: ClientConnection, width_px: int, height_px: int) -> None:
    """The picture has this size, be it after others."""
    async with asyncio.timeout(START_S):
        while (config := await rig.next_text(viewer, "video_config", START_S)) is not None:
            if (config["width_px"], config["height_px"]) == (width_px, height_px):
                return


async def test_a_game_changes_the_resolution_and_changes_it_back(wine: Any) -> None:
    wine.display = {"width_px": 1280, "height_px": 720, "resizable": False}
    start(wine, "fullscreen", "640", "480")
    await wine.ready(START_S)
    await wine.printed("focus", START_S)
    viewer = await wine.view()
    await sized(wine, viewer, 640, 480)
    assert wine.has_printed("mode change 0") and wine.has_printed("screen 640 480"), "the game got what it asked for"
    for is_down in (True, False):
        await viewer.send(encode(Key(code=KEY_ESC, is_down=is_down)))
    await sized(wine, viewer, 1280, 720)
    await wine.printed("mode change back 0", START_S)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(
    ("api", "colour"), [("gl", "gl 51 102 153"), ("d3d9", "d3d9 336699"), ("d3d11", "d3d11 336699")]
)
async def test_a_game_draws_in_software(wine: Any, bits: int, api: str, colour: str) -> None:
    start(wine, api, bits=bits)
    end = await wine.ended(START_S)
    assert colour in end.log_tail, wine.describe()


async def test_viewers_are_told_when_a_game_no_longer_answers_and_when_it_does_again(wine: Any) -> None:
    wine.overrides["answer_timeout_s"] = 3.0
    start(wine, "window")
    await wine.ready(START_S)
    await wine.printed("focus", START_S)
    viewer = await wine.view()
    pids = pids_of_program(wine)
    for number, code in ((signal.SIGSTOP, "not_answering"), (signal.SIGCONT, "answers_again")):
        for pid in pids:
            os.kill(pid, number)
        async with asyncio.timeout(START_S):
            while (notice := await wine.next_text(viewer, "notice", START_S))["code"] != code:
                pass
        assert notice["message"].startswith("Test "), "the game's title"
    assert wine.runner.end is None, "it is not ended"


async def test_what_the_entry_says_is_in_the_registry_and_the_prefix_is_kept(wine: Any, templates: Path) -> None:
    key = r"HKEY_CURRENT_USER\Software\Test Game"
    wine.start_launch({
        "kind": "wine", "command": ["reg", "query", key, "/v", "Volume"], "windows_version": "win98",
        "prefix": "editor", "registry": [{"key": key, "name": "Volume", "value": 'a "b" \\ c'}],
        "virtual_desktop": {"width_px": 640, "height_px": 480},
    })  # fmt: skip
    end = await wine.ended(START_S)
    assert any(line.split() == ["Volume", "REG_SZ", "a", '"b"', "\\", "c"] for line in end.log_tail), wine.describe()
    prefixes = wine.saves_dir / ".dillinger/prefixes"
    assert not (prefixes / "default").exists(), "a game has the drives that its entry names"
    registry = prefixes / "editor/user.reg"
    assert '"Version"="win98"' in registry.read_text() and '"Default"="640x480"' in registry.read_text()
    assert folder_bytes(wine.saves_dir) < 32 << 20, "the prefix holds what differs from its template"
    assert "Test Game" not in (ensure_template(templates) / "user.reg").read_text()


@pytest.mark.full
async def test_a_drive_of_another_wine_is_brought_up_to_this_one_and_keeps_its_registry(
    wine: Any, templates: Path
) -> None:
    drive = wine.saves_dir / ".dillinger/prefixes/default"
    drive.mkdir(parents=True)
    registry = (ensure_template(templates) / "user.reg").read_text("latin-1")
    (drive / "user.reg").write_text(merged(registry, [("Software\\Test Game", "Volume", "7")]), "latin-1")
    notes = drive.with_name("default.json")
    notes.write_text(json.dumps({"base": "1"}))
    key = r"HKEY_CURRENT_USER\Software\Test Game"
    wine.start_launch({"kind": "wine", "command": ["reg", "query", key, "/v", "Volume"]})
    end = await wine.ended(START_S)
    assert any(line.split() == ["Volume", "REG_SZ", "7"] for line in end.log_tail), wine.describe()
    assert "brought up to this Wine" in (wine.session_dir / "cell.log").read_text()
    assert json.loads(notes.read_text())["base"] == wine_version()


async def test_a_program_that_is_not_there_is_named(wine: Any) -> None:
    wine.start_launch({"kind": "wine", "command": ["./no such game.exe"]})
    end = await wine.ended(START_S)
    assert end.reason is EndReason.REFUSED and "no such game.exe" in end.message, wine.describe()


@pytest.mark.skipif(has_32_bit(), reason="the 32-bit half of Wine is here")
async def test_without_its_32_bit_half_a_32_bit_program_is_refused_with_what_to_install(wine: Any) -> None:
    start(wine, "exit", "0", bits=32)
    end = await wine.ended(START_S)
    assert end.reason is EndReason.REFUSED, wine.describe()
    assert "32-bit program" in end.message and "apt-get install wine32:i386" in end.message
