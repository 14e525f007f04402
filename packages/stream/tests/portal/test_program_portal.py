"""`dillinger-stream` on a desktop that a portal hands out: a real bus, a real PipeWire, a portal of the test's own."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dbus_fast import Variant
from packages.stream.tests.portal.house import REGISTRY, House, Screen
from packages.stream.tests.portal.standin import Manners, StandIn, granted
from packages.stream.tests.program.program_house import Program, Shelf, Viewer, wait_for

from dillinger_contracts.input import Button, Key, Move, Wheel

RED, BLUE, GREEN = 0xFF0000, 0x0000FF, 0x00FF00
LUMA = {RED: 81, BLUE: 41, GREEN: 145}
"""By BT.601 in limited range."""
KEY_A, BTN_LEFT = 30, 0x110


def environment(house: House) -> dict[str, str]:
    return {
        "DBUS_SESSION_BUS_ADDRESS": house.address,
        "XDG_CURRENT_DESKTOP": "ubuntu:GNOME",
        "XDG_SESSION_TYPE": "wayland",
        "GST_REGISTRY": str(REGISTRY),
    }


def seen(viewer: Viewer, colour: int) -> None:
    viewer.until(lambda it: it.colour is not None and abs(it.colour[0] - LUMA[colour]) <= 8, f"{colour:06x}")


def child_of(program: Program) -> int | None:
    """The process that reads PipeWire."""
    for children in Path(f"/proc/{program.process.pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError):  # a thread, or a child, that has ended meanwhile
            for entry in children.read_text().split():
                if b"gst/child.py" in Path(f"/proc/{entry}/cmdline").read_bytes():
                    return int(entry)
    return None


def test_a_desktop_is_seen_and_played_and_given_back(
    shelf: Shelf, house: House, portal: StandIn, screen: Screen
) -> None:
    program = shelf.start(**environment(house))
    assert program.line("The desktop asks")
    viewer = Viewer(program.address)
    screen.show(RED)
    seen(viewer, RED)
    assert viewer.size == (640, 480)
    screen.show(BLUE)
    seen(viewer, BLUE)
    node = screen.node_id
    viewer.do(Move(x=65_535, y=0))
    viewer.do(Button(button=1, is_down=True))
    viewer.do(Button(button=1, is_down=False))
    viewer.do(Wheel(dx=0, dy=120))
    viewer.do(Wheel(dx=-60, dy=0))
    viewer.do(Key(code=KEY_A, is_down=True))
    portal.saw(
        ("RemoteDesktop.NotifyPointerMotionAbsolute", (node, 639.0, 0.0)),
        ("RemoteDesktop.NotifyPointerButton", (BTN_LEFT, 1)),
        ("RemoteDesktop.NotifyPointerButton", (BTN_LEFT, 0)),
        ("RemoteDesktop.NotifyPointerAxisDiscrete", (0, 1)),
        ("RemoteDesktop.NotifyPointerAxis", (-7.5, 0.0)),
        ("RemoteDesktop.NotifyKeyboardKeycode", (KEY_A, 1)),
    )
    (session,) = shelf.status()["sessions"]
    assert (session["source"], session["display"]) == ("portal", "GNOME")
    assert shelf.command("stop", "--display", "GNOME").returncode == 0
    assert program.end()[0] == 0
    portal.saw(("RemoteDesktop.NotifyKeyboardKeycode", (KEY_A, 0)), ("Session.Close", ()))


def test_several_screens_are_one_picture_and_each_is_pointed_at(
    shelf: Shelf, house: House, portal: StandIn, screen: Screen, plug_in: Callable[[], Screen]
) -> None:
    other = plug_in()
    screen.show(RED)
    other.show(RED)
    beside = [[other.node_id, {"position": Variant("(ii)", [640, 0]), "size": Variant("(ii)", [640, 480])}]]
    portal.manners.responses["RemoteDesktop.Start"] = granted(
        screen.node_id, size=(640, 480), place=(0, 0), beside=beside, has_clipboard=True
    )
    program = shelf.start(**environment(house), DILLINGER_STREAM_CAPTURE_SCREENS="several")
    viewer = Viewer(program.address)
    seen(viewer, RED)
    assert viewer.size == (1280, 480)
    assert viewer.said("welcome")[0]["has_clipboard"] is True
    screen.show(BLUE)
    other.show(BLUE)
    seen(viewer, BLUE)
    viewer.do(Move(x=0, y=65_535))
    viewer.do(Move(x=65_535, y=0))
    portal.saw(
        ("RemoteDesktop.NotifyPointerMotionAbsolute", (screen.node_id, 0.0, 479.0)),
        ("RemoteDesktop.NotifyPointerMotionAbsolute", (other.node_id, 639.0, 0.0)),
    )
    assert portal.call("ScreenCast.SelectSources").options()["multiple"] is True


@pytest.mark.full
def test_its_owner_is_asked_once(shelf: Shelf, house: House, portal: StandIn, plug_in: Callable[[], Screen]) -> None:
    for token in (None, "again"):
        program = shelf.start(**environment(house))
        assert program.address
        options = portal.call("RemoteDesktop.SelectDevices").options()
        assert (options["types"], options["persist_mode"], options.get("restore_token")) == (3, 2, token)
        assert portal.call("ScreenCast.SelectSources").options()["cursor_mode"] == 2
        program.process.send_signal(signal.SIGTERM)
        assert program.end()[0] == 0
        portal.calls.clear()
        portal.grant(plug_in().node_id)
    program = shelf.start("--view-only", **environment(house))
    assert program.watch_address
    options = portal.call("ScreenCast.SelectSources").options()
    assert options["persist_mode"] == 2 and "restore_token" not in options  # that one was for playing
    assert not [call for call in portal.calls if call.name == "RemoteDesktop.CreateSession"]


@pytest.mark.full
def test_its_owner_ends_the_sharing(shelf: Shelf, house: House, portal: StandIn) -> None:
    program = shelf.start(**environment(house))
    viewer = Viewer(program.address)
    viewer.until(lambda it: it.size, "a picture")
    portal.end_session()
    code, said = program.end()
    assert code == 1 and "has ended the sharing" in said and "Traceback" not in said
    viewer.until_closed()
    assert "has ended the sharing" in viewer.said("ended")[0]["end"]["message"]


@pytest.mark.full
def test_a_gstreamer_that_dies_twice_is_an_end_that_is_told(
    shelf: Shelf, house: House, portal: StandIn, screen: Screen
) -> None:
    program = shelf.start(**environment(house))
    viewer = Viewer(program.address)
    viewer.until(lambda it: it.size, "a picture")
    killed = wait_for(lambda: child_of(program), "the process that reads PipeWire")
    os.kill(killed, signal.SIGKILL)
    viewer.until(lambda it: it.said("notice"), "what is told of it")
    assert "The capture was restarted: PipeWire's picture is gone" in viewer.said("notice")[0]["message"]
    while program.process.poll() is None:  # its successor may have seen already that this screen shows nothing more
        if (successor := child_of(program)) not in (None, killed):
            with contextlib.suppress(ProcessLookupError):
                os.kill(successor or 0, signal.SIGKILL)
        time.sleep(0.1)
    code, said = program.end()
    assert code == 1 and "picture" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("cancelled", "did not agree"),
        pytest.param("no portal", "no xdg-desktop-portal", marks=pytest.mark.full),
        pytest.param("no bus", "can't be reached", marks=pytest.mark.full),
    ],
)
def test_what_keeps_it_from_beginning_is_told(
    shelf: Shelf, house: House, start_portal: object, kind: str, said: str
) -> None:
    there = environment(house)
    if kind == "cancelled":
        assert callable(start_portal)
        start_portal(Manners(responses={"RemoteDesktop.Start": ("ua{sv}", [1, {}])}))
    if kind == "no bus":
        there["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={house.folder}/none"
    ended = shelf.command("start", **there)
    assert ended.returncode == 1 and said in ended.stderr
    assert "Traceback" not in ended.stderr and ended.stderr.count("\n") >= 2, "what to do is said too"


def test_ctrl_c_ends_the_question(shelf: Shelf, house: House, start_portal: object) -> None:
    assert callable(start_portal)
    portal = start_portal(Manners(responses={"RemoteDesktop.Start": None}))
    program = shelf.start(**environment(house))
    portal.call("RemoteDesktop.Start")
    program.process.send_signal(signal.SIGINT)
    assert program.end()[0] == 0
    portal.saw(("Request.Close", ()))
