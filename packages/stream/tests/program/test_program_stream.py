"""`dillinger-stream` as a process on a real display: what a viewer sees and does, and how it begins and ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from packages.stream.tests.engine.conftest import Painter, XServer
from packages.stream.tests.program.program_house import Shelf, Viewer, wait_for

from dillinger_contracts.input import Key
from dillinger_stream.program.control import ask_trace
from dillinger_stream.program.instance import sockets

KEY_A = 30
EVDEV_OFFSET = 8
RED, RED_YUV = 0xFF0000, (81, 91, 240)
BLUE, BLUE_YUV = 0x0000FF, (40, 240, 110)


def shows(colour: tuple[int, int, int]) -> Callable[[Viewer], bool]:
    """Whether the middle of the picture has about this colour (BT.601, limited range)."""
    return lambda viewer: (
        viewer.colour is not None
        and all(abs(seen - wanted) <= 12 for seen, wanted in zip(viewer.colour, colour, strict=True))
    )


def is_down(painter: Painter, code: int) -> bool:
    """Whether the display server says that this key is down."""
    keys: Any = painter.core.QueryKeymap().reply().keys
    code += EVDEV_OFFSET
    return bool(keys[code // 8] >> code % 8 & 1)


def test_a_desktop_is_seen_and_played_and_told_of(
    shelf: Shelf, display: XServer, painter: Painter, tmp_path: Path
) -> None:
    painter.fill(RED, 0, 0, 640, 480)
    program = shelf.start(DISPLAY=display.name)
    viewer = Viewer(program.address)
    viewer.until(shows(RED_YUV), "a red desktop")
    assert viewer.size == (640, 480)
    assert viewer.said("welcome")[0]["role"] == "player"
    painter.fill(BLUE, 0, 0, 640, 480)
    viewer.until(shows(BLUE_YUV), "a blue desktop")

    viewer.do(Key(code=KEY_A, is_down=True))
    wait_for(lambda: is_down(painter, KEY_A), "the key A")
    (session,) = shelf.status()["sessions"]
    assert (session["display"], session["pid"]) == (display.name, program.process.pid)
    assert (session["address"], session["watch_address"]) == (program.address, program.watch_address)
    assert (session["stats"]["peers"], session["stats"]["width_px"]) == (1, 640)
    told = shelf.command("status")
    assert "1 viewer, 640x480" in told.stdout and program.address in told.stdout
    (control,) = sockets(shelf.runtime_dir / "stream")
    stages = {"capture", "encode", "packetise", "send"}
    wait_for(lambda: any(stages <= one.stages_ms.keys() for one in ask_trace(control).pictures), "a picture's stages")
    recorded = shelf.command("trace", "--seconds", "0.5", "--output", str(tmp_path / "trace.json"))
    assert recorded.returncode == 0
    assert "traceEvents" in json.loads((tmp_path / "trace.json").read_text())
    viewer.close()
    wait_for(lambda: not is_down(painter, KEY_A), "the key A let go with its viewer")

    again = shelf.command("start", "--display", f"{display.name}.0")
    assert again.returncode == 1
    assert f"streamed already, by process {program.process.pid}" in again.stderr and program.address in again.stderr

    other = Viewer(program.address)
    other.until(shows(BLUE_YUV), "the picture for one who comes later")
    ended = shelf.command("stop")
    assert (ended.returncode, ended.stdout) == (0, f"The stream of {display.name} has ended.\n")
    assert program.process.poll() == 0, "stop waits for the end"
    other.until_closed()
    assert "was ended" in other.said("ended")[0]["end"]["message"]
    assert shelf.command("status").stdout == "no sessions\n"
    assert list((shelf.runtime_dir / "stream").iterdir()) == []
    assert painter.core.GetInputFocus().reply() is not None, "the desktop itself goes on"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(shelf: Shelf, display: XServer, number: signal.Signals) -> None:
    program = shelf.start("--display", display.name)
    place = urlsplit(program.address)
    with socket.create_connection((place.hostname, place.port)):  # as browsers do ahead of what they may ask
        program.process.send_signal(number)
        assert program.end() == (0, "")


def test_a_signal_before_it_has_begun_is_no_failure_either(shelf: Shelf) -> None:
    """Wherever it is in its start: not born yet (-15), told to end (0), or without a display (1); but never a trace."""
    program = shelf.start("--display", ":59999")
    program.process.send_signal(signal.SIGTERM)
    code, said = program.end()
    assert code in (0, 1, -signal.SIGTERM) and "Traceback" not in said


def test_after_a_kill_the_next_start_takes_over(shelf: Shelf, display: XServer) -> None:
    first = shelf.start("--display", display.name)
    assert first.address
    first.process.kill()
    first.process.wait(30)
    assert list((shelf.runtime_dir / "stream").glob("*.sock")), "a killed one leaves its socket behind"
    assert shelf.command("status").stdout == "no sessions\n"
    assert shelf.command("stop").stdout == "no sessions\n"
    second = shelf.start("--display", display.name)
    assert second.address
    assert [session["pid"] for session in shelf.status()["sessions"]] == [second.process.pid]


@pytest.mark.parametrize("is_watched", [pytest.param(True, marks=pytest.mark.full), False])
def test_the_display_s_death_is_an_honest_end(shelf: Shelf, display: XServer, is_watched: bool) -> None:
    program = shelf.start("--display", display.name)
    address = program.address
    viewer = Viewer(address) if is_watched else None
    if viewer is not None:
        viewer.until(lambda seen: seen.size, "a picture")
    display.kill()
    code, said = program.end()
    assert code == 1
    assert f"The display {display.name} is gone" in said and "Traceback" not in said
    if viewer is not None:
        viewer.until_closed()
        assert "is gone" in viewer.said("ended")[0]["end"]["message"]


def test_whoever_watches_does_nothing(shelf: Shelf, display: XServer, painter: Painter) -> None:
    program = shelf.start("--display", display.name, "--set", "server.view_only=true")
    assert not [line for line in program.lines if line.startswith("  play")] and program.watch_address
    watcher = Viewer(program.watch_address)
    watcher.until(lambda seen: seen.size, "a picture")
    assert watcher.said("welcome")[0]["role"] == "viewer"
    watcher.do(Key(code=KEY_A, is_down=True))
    watcher.until(lambda seen: seen.said("notice"), "what it is told")
    assert not is_down(painter, KEY_A)


def test_without_the_right_key_nobody_gets_in(shelf: Shelf, display: XServer) -> None:
    program = shelf.start("--display", display.name)
    for key in ("A" * 32, "", "ä" * 20, "x" * 2000):
        stranger = Viewer(program.address, key=key or " ")
        assert stranger.until_closed() == 4403
        assert not stranger.said("welcome") and stranger.size is None
    assert not program.address.endswith(program.watch_address.partition("#")[2])


def test_a_display_that_refuses_is_told_and_its_cookie_opens_it(
    shelf: Shelf, start_display: Callable[..., XServer]
) -> None:
    authority = shelf.runtime_dir.parent / "cookies"
    cookie = "0123456789abcdef0123456789abcdef"
    # The server reads its file without looking at the display's number, which is not known yet.
    subprocess.run(["xauth", "-q", "-f", authority, "add", ":0", ".", cookie], check=True)
    guarded = start_display("-auth", str(authority))
    refused = shelf.command("start", "--display", guarded.name)
    assert refused.returncode == 1
    assert f"The display {guarded.name} wants a cookie" in refused.stderr and "XAUTHORITY" in refused.stderr

    own = shelf.runtime_dir.parent / ".Xauthority"
    subprocess.run(["xauth", "-q", "-f", own, "add", guarded.name, ".", "ff" * 16], check=True)
    assert "refuses the cookie" in shelf.command("start", "--display", guarded.name).stderr
    subprocess.run(["xauth", "-q", "-f", own, "add", guarded.name, ".", cookie], check=True)
    program = shelf.start("--display", guarded.name)
    viewer = Viewer(program.address)
    viewer.until(lambda seen: seen.size, "a picture")


def test_a_display_that_is_not_there_is_told(shelf: Shelf) -> None:
    ended = shelf.command("start", "--display", ":59998")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "There is no X11 display :59998" in ended.stderr
    named_by_nobody = shelf.command("start")
    assert named_by_nobody.returncode == 2 and "DISPLAY is not set" in named_by_nobody.stderr


@pytest.mark.full
def test_it_runs_for_half_a_minute_while_people_come_and_go(shelf: Shelf, display: XServer, painter: Painter) -> None:
    program = shelf.start("--display", display.name)
    until = time.monotonic() + 30
    visits = 0
    while time.monotonic() < until:
        viewer = Viewer(program.address)
        for colour, seen in ((RED, RED_YUV), (BLUE, BLUE_YUV)):
            painter.fill(colour, 0, 0, 640, 480)
            viewer.until(shows(seen), "the colour")
        viewer.close()
        visits += 1
    assert visits > 3 and program.process.poll() is None
    program.process.send_signal(signal.SIGTERM)
    assert program.end()[0] == 0
