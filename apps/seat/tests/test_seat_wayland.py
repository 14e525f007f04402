"""A game on a Wayland desktop: a real compositor in a real cell."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from packages.stream.tests.engine.compositor import install_card

from dillinger_contracts.errors import Unavailable, Unsupported
from dillinger_contracts.input import Key, Move, encode
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.media import KIND_PICTURE
from dillinger_contracts.signaling import Resize
from dillinger_seat.cell.cell import Part, PartExit
from dillinger_seat.cell.paths import SharedPaths
from dillinger_seat.desktops.base import DISPLAY
from dillinger_seat.desktops.sway import Sway


@pytest.fixture
def wayland(rig: Any) -> Any:
    rig.display["desktop"] = "wayland"
    install_card(rig.game_dir)
    return rig


def play(rig: Any) -> None:
    rig.start("/usr/bin/python3", "-I", "/game/wayland_card.py")


async def test_it_starts_shows_is_played_resized_and_leaves_nothing(wayland: Any) -> None:
    play(wayland)
    await wayland.ready()
    assert sorted(wayland.runner.steps) == ["cell", "display", "folder", "game", "sound", "stream", "window"]
    viewer = await wayland.view()
    welcome = await wayland.next_text(viewer, "welcome")
    assert welcome["has_clipboard"] is True
    config = await wayland.next_text(viewer, "video_config")
    assert (config["width_px"], config["height_px"]) == (640, 480)
    while (await wayland.next_binary(viewer))[0] != KIND_PICTURE:
        pass
    await viewer.send(encode(Key(code=30, is_down=True)))
    await wayland.printed("key 30 down")
    await viewer.send(encode(Move(x=65_535, y=65_535)))
    await wayland.printed("pointer 639 479")
    await viewer.send(Resize(width_px=800, height_px=600).model_dump_json())
    await wayland.printed("size 800x600")
    viewer.transport.abort()
    await wayland.printed("key 30 up")
    await wayland.runner.order_stop(EndReason.USER_STOP, grace_s=2)
    assert (await wayland.ended()).reason is EndReason.USER_STOP
    assert wayland.traces() == []


async def test_a_program_of_x11_shows_by_xwayland(wayland: Any) -> None:
    wayland.window("--size", "320x240")
    await wayland.ready()
    await wayland.printed("window is 640x480")
    viewer = await wayland.view()
    for is_down in (True, False):
        await viewer.send(encode(Key(code=30, is_down=is_down)))
    await wayland.printed("key 30")
    wayland.process.send_signal(signal.SIGTERM)
    await wayland.ended()
    assert wayland.traces() == []


async def test_a_compositor_that_dies_ends_the_session_with_its_name(wayland: Any) -> None:
    play(wayland)
    await wayland.ready()
    viewer = await wayland.view()
    await wayland.next_text(viewer, "welcome")
    os.kill(wayland.pid_of("sway"), signal.SIGKILL)
    end = await wayland.ended()
    assert end.reason is EndReason.CELL_LOST
    assert "display" in end.message
    assert wayland.traces() == []


async def test_without_a_compositor_it_is_said_what_to_install(root: Path) -> None:
    """How a shell ends that finds no program."""
    shared = SharedPaths(x11_dir=root / "x11", sound_dir=root / "sound", auth=root / "auth", pads_dir=root / "pads")
    part = Part.new(DISPLAY, "sh")
    part.end(PartExit(127, None))
    with pytest.raises(Unsupported, match="needs sway") as refused:
        await Sway(shared, rate_hz=60).wait_ready(part)
    assert "apt-get install sway xwayland" in (refused.value.hint or "")


@pytest.mark.parametrize("told", ["", "wayland-1/../x :0", "/tmp/wayland-1 :0", "wayland-1 :0; reboot"])
async def test_a_compositor_that_names_its_socket_oddly_is_not_believed(root: Path, told: str) -> None:
    shared = SharedPaths(x11_dir=root / "x11", sound_dir=root / "sound", auth=root / "auth", pads_dir=root / "pads")
    part = Part.new(DISPLAY, "sh")
    part.ready.set_result(told)
    with pytest.raises(Unavailable, match="can't be read"):
        await Sway(shared, rate_hz=60).wait_ready(part)
