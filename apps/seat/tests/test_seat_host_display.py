"""A session on the machine's own display: seen by pixels there, played by its keyboard and pointer, ended by its X."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apps.seat.tests.host_display import HostDisplay, wait_card
from packages.stream.tests.engine.compositor import Compositor

from dillinger_bench.testcard import guest
from dillinger_bench.testcard.read import Picture, Reading, read
from dillinger_contracts.control import PeersChanged
from dillinger_contracts.input import Key, Move, ReleaseAll
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.media import Box
from dillinger_contracts.session import HostScreen
from dillinger_seat.desktops.xvfb import xauthority
from dillinger_seat.showing import open_window
from dillinger_stream.capture.wayland import WaylandCapture
from dillinger_stream.frames import Frame
from dillinger_stream.input.wayland import WaylandInput
from dillinger_stream.wayland.connection import connect
from dillinger_stream.window.wayland import WaylandWindow
from dillinger_stream.window.x11 import X11Window

KEY_A, KEY_CONTROL, KEY_ALT, KEY_M = 30, 29, 56, 50


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostDisplay]:
    display = HostDisplay(tmp_path)
    yield display
    display.close()


@pytest.fixture
def wayland_host() -> Iterator[Compositor]:
    compositor = Compositor("1280x720")
    yield compositor
    compositor.close()


def play_card(rig: Any, screen: HostScreen, *arguments: str) -> None:
    shutil.copy(guest.__file__, rig.game_dir / "testcard.py")
    rig.overrides["screen"] = screen
    rig.start("/usr/bin/python3", "-I", "/game/testcard.py", *arguments)


async def test_the_card_shows_there_is_played_and_its_window_ends_it(rig: Any, host: HostDisplay) -> None:
    rig.display |= {"width_px": 800, "height_px": 600}
    play_card(rig, host.screen(is_full_screen=False))
    await rig.ready()
    wanted = tuple((one >> 16, one >> 8 & 0xFF, one & 0xFF) for one in guest.SWATCHES)
    first = await host.wait_card(
        lambda card: card.size == (800, 600) and card.swatches == wanted and card.frame is not None,
        "its size, in the very colours that it drew: no codec lies between",
        describe=rig.describe,
    )
    after = (first.frame or 0) + 30
    await host.wait_card(lambda card: (card.frame or 0) > after, "it goes on", describe=rig.describe)
    await rig.runner.wait_for(lambda: [body.peers for body in rig.runner.bodies(PeersChanged)][-1:] == [1])
    assert not (rig.runtime_dir / "stream.sock").exists(), "it is not streamed"

    host.hands.move(300, 200)
    await host.wait_card(lambda card: card.pointer == (300, 200), "the pointer", describe=rig.describe)
    host.hands.key(KEY_A, is_down=True)
    await host.wait_card(lambda card: (card.key, card.keys_held) == (KEY_A, 1), "A is held", describe=rig.describe)
    host.take_focus_away()
    await host.wait_card(lambda card: card.keys_held == 0, "A is let go with the focus", describe=rig.describe)
    host.hands.key(KEY_A, is_down=False)
    host.resize(640, 480)
    await host.wait_card(lambda card: card.size == (640, 480), "the game follows the window", describe=rig.describe)

    host.close_window()
    end = await rig.ended()
    assert (end.reason, end.message) == (EndReason.USER_STOP, "Its window was closed"), rig.describe()
    assert rig.traces() == []


async def test_a_display_that_ends_ends_the_session_by_name(rig: Any, host: HostDisplay) -> None:
    play_card(rig, host.screen())
    await rig.ready()
    await host.wait_card(lambda card: card.size == (1280, 720), "the whole display", describe=rig.describe)
    host.kill()
    end = await rig.ended()
    assert end.reason is EndReason.SCREEN_LOST, rig.describe()
    assert "machine's display is gone" in end.message
    assert rig.traces() == []


async def test_a_display_that_refuses_or_is_not_there_is_told_before_anything_starts(
    rig: Any, host: HostDisplay, tmp_path: Path
) -> None:
    """A cookie that is not the display's opens nothing."""
    wrong = tmp_path / "wrong"
    wrong.write_bytes(xauthority(secrets.token_bytes(16)))
    play_card(rig, host.screen().model_copy(update={"authority_file": str(wrong)}))
    end = await rig.ended()
    assert end.reason is EndReason.REFUSED, rig.describe()
    assert f":{host.number}" in end.message and "play-at-the-machine" in end.message
    assert "cell" not in rig.runner.steps
    assert rig.traces() == []


def test_what_is_typed_elsewhere_is_not_the_game_s(host: HostDisplay) -> None:
    """A grab outlives the focus by a moment, in which keys still come, and a held one repeats."""
    window = open_window(host.screen(), "Test")
    try:
        window.show(640, 480)
        deadline = time.monotonic() + 30
        while not window.is_ready:
            assert time.monotonic() < deadline, "it was never shown"
            window.read()
        _hear(window, host)
        host.hands.key(KEY_A, is_down=True)
        assert Key(code=KEY_A, is_down=True) in _hear(window, host)
        host.take_focus_away()
        host.hands.key(KEY_M, is_down=True)
        heard = _hear(window, host)
        assert heard[heard.index(ReleaseAll()) :] == [ReleaseAll()]
    finally:
        window.close()


def _hear(window: X11Window | WaylandWindow, host: HostDisplay) -> list[object]:
    """All that the display has to tell of what was done so far: it answers in order."""
    host.hands.sync()
    pixels = np.zeros((2, 2, 4), np.uint8)
    window.paint(Frame(pixels, 2, 2, Box(0, 0, 2, 2), 0))
    return list(window.read())


@pytest.mark.full
async def test_a_held_pointer_moves_without_an_edge(rig: Any, host: HostDisplay) -> None:
    play_card(rig, host.screen(), "--grab")
    await rig.ready()
    await host.wait_card(lambda card: card.frame is not None, "the card", describe=rig.describe)
    for is_down in (True, False):
        for key in (KEY_CONTROL, KEY_ALT, KEY_M):
            host.hands.key(key, is_down=is_down)
    await host.wait_card(lambda card: card.keys_held == 0, "nothing held", describe=rig.describe)
    last = (await host.wait_card(lambda card: card.motion, "its sums", describe=rig.describe)).motion
    assert last is not None
    for _ in range(20):  # 2000 pixels to the right, on a display that has 1280; each step is seen before the next
        host.hands.move_by(100, 0)
        wanted = (last[0] + 100, last[1])
        seen = await host.wait_card(
            lambda card, wanted=wanted: card.motion == wanted,  # type: ignore[misc]
            f"the sums {wanted}",
            describe=rig.describe,
        )
        last = seen.motion or last


@pytest.mark.full
async def test_a_game_on_a_wayland_desktop_shows_there_too(rig: Any, host: HostDisplay) -> None:
    rig.display["desktop"] = "wayland"
    play_card(rig, host.screen())
    await rig.ready()
    await host.wait_card(lambda card: card.size == (1280, 720), "the whole display", describe=rig.describe)
    host.hands.key(KEY_A, is_down=True)
    await host.wait_card(lambda card: (card.key, card.keys_held) == (KEY_A, 1), "A is held", describe=rig.describe)
    host.hands.key(KEY_A, is_down=False)
    await host.wait_card(lambda card: card.keys_held == 0, "A is let go", describe=rig.describe)


async def test_it_shows_and_is_played_on_a_wayland_display(rig: Any, wayland_host: Compositor) -> None:
    """A compositor of the test's own, looked at and played as a stream does it; `kill` is the end of its desktop."""
    hands = WaylandInput(lambda: connect(wayland_host.socket_path))
    eyes = WaylandCapture(lambda: connect(wayland_host.socket_path))

    def look() -> Reading:
        frame = eyes.grab(whole=True)
        return read(Picture(frame.pixels.tobytes(), frame.width_px, frame.height_px, "BGRX"))

    async def shows(fact: Callable[[Reading], object], what: str) -> Reading:
        return await wait_card(look, fact, what, describe=rig.describe)

    try:
        play_card(rig, HostScreen(display=wayland_host.socket_path))
        await rig.ready()
        first = await shows(lambda card: card.size == (1280, 720), "the whole display")
        after = (first.frame or 0) + 30
        await shows(lambda card: (card.frame or 0) > after, "it goes on")
        sink = hands.sink()
        sink.handle(Move(x=round(300 * 65_535 / 1279), y=round(200 * 65_535 / 719)))
        await shows(lambda card: card.pointer == (300, 200), "the pointer")
        sink.handle(Key(code=KEY_A, is_down=True))
        await shows(lambda card: (card.key, card.keys_held) == (KEY_A, 1), "A is held")
        sink.handle(Key(code=KEY_A, is_down=False))
        await shows(lambda card: card.keys_held == 0, "A is let go")
    finally:
        hands.close()
        eyes.close()
    wayland_host.kill()
    end = await rig.ended()
    assert end.reason is EndReason.SCREEN_LOST, rig.describe()
    assert rig.traces() == []


@pytest.mark.full
async def test_its_sound_comes_out_of_the_machine_s_sound_server(rig: Any, host: HostDisplay, root: Path) -> None:
    """A sound server with one sink that nobody hears, and what is played there recorded."""
    folder = root / "pulse"
    folder.mkdir(mode=0o700)
    socket = f"unix:{folder}/native"
    environment = os.environ | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_SERVER": socket}
    server = await asyncio.create_subprocess_exec(
        "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error",
        "--load=module-null-sink sink_name=loudspeakers",
        f"--load=module-native-protocol-unix auth-anonymous=1 socket={folder}/native",
        env=environment,
    )  # fmt: skip
    try:
        await asyncio.to_thread(rig.wait_file, folder / "native")
        play_card(rig, host.screen(sound_server=socket), "--tone")
        await rig.ready()
        recorder = await asyncio.create_subprocess_exec(
            "parec", "--raw", "--format=s16le", "--rate=48000", "--channels=2", "-d", "loudspeakers.monitor",
            env=environment, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert recorder.stdout is not None
        try:
            async with asyncio.timeout(30):
                while not any(await recorder.stdout.readexactly(4800)):
                    pass
        finally:
            recorder.kill()
            await recorder.wait()
    finally:
        server.terminate()
        await server.wait()
