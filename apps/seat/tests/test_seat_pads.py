"""Gamepads of a viewer in a real cell: games find them by SDL, evdev and joydev, and let them rumble."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from dillinger_contracts.input import PAD_BUTTONS, Pad, PadGone, encode
from dillinger_contracts.lifecycle import EndReason

GUEST = Path(__file__).with_name("guests") / "pads.py"
GUEST_32 = GUEST.with_name("pads32.c")
C_LIBRARY_32 = Path("/usr/lib32")
"""Debian's `libc6-dev-i386`."""
IN_32_BIT = pytest.mark.skipif(not (C_LIBRARY_32 / "crt1.o").exists(), reason="no C library for 32-bit programs here")
SOUTH, UP, RIGHT, HOME = (1 << PAD_BUTTONS.index(name) for name in ("south", "up", "right", "home"))
WAIT_S = 30.0


class Player:
    """A viewer with gamepads, who takes what comes."""

    def __init__(self, connection: ClientConnection) -> None:
        self.heard: list[dict[str, Any]] = []
        self._connection = connection
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        async for message in self._connection:
            if isinstance(message, str):
                self.heard.append(json.loads(message))
                async with self._news:
                    self._news.notify_all()

    async def send(self, event: Pad | PadGone) -> None:
        await self._connection.send(encode(event))

    async def hears(self, fact: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message of which `fact` holds."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: any(map(fact, self.heard)))
        return next(message for message in self.heard if fact(message))


@asynccontextmanager
async def player(rig: Any) -> AsyncIterator[Player]:
    connection = await rig.view()
    made = Player(connection)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        await connection.close()


def start(rig: Any, interface: str) -> None:
    shutil.copy(GUEST, rig.game_dir)
    rig.display["needs_window"] = False
    rig.start("/usr/bin/python3", "-I", "/game/pads.py", interface)


def stamp() -> int:
    return int(time.monotonic() * 1000)


async def test_an_sdl_game_finds_the_pad_plays_with_it_and_loses_it(rig: Any) -> None:
    start(rig, "sdl")
    await rig.ready()
    await rig.printed("ready", WAIT_S)
    async with player(rig) as viewer:
        await viewer.send(Pad(pad=2, client_time_ms=1000))
        await rig.printed("added X360 Controller", WAIT_S)
        await viewer.send(Pad(pad=2, client_time_ms=1016, buttons=SOUTH | UP, left_x=-32768, right_trigger=255))
        for line in ("button 0 1", "button 11 1", "axis 0 -32768", "axis 5 32767", "rumble 0"):
            await rig.printed(line, WAIT_S)
        rumble = await viewer.hears(lambda message: message["type"] == "rumble")
        assert (rumble["pad"], rumble["strong"], rumble["weak"]) == (2, 1.0, 0.5)
        assert 0 < rumble["duration_ms"] <= 5000
        await viewer.send(Pad(pad=2, client_time_ms=1000, buttons=HOME))  # late: it was overtaken
        await viewer.send(Pad(pad=2, client_time_ms=1032))
        await rig.printed("button 0 0", WAIT_S)
        await viewer.hears(lambda message: message["type"] == "rumble" and message["strong"] == 0)
        await rig.printed("axis 0 0", WAIT_S)
        assert not rig.has_printed("button 5 1"), "what was late"
        await viewer.send(PadGone(pad=2, client_time_ms=1048))
        await rig.printed("removed", WAIT_S)
    await rig.runner.order_stop(EndReason.USER_STOP, grace_s=1)
    await rig.ended()
    assert rig.traces() == []


async def test_a_viewer_who_breaks_off_lets_go_and_has_the_same_pad_again(rig: Any) -> None:
    rig.overrides["uinput_pads"] = 1  # a wish that this machine can't fulfil is told in the log, and no more
    start(rig, "sdl")
    await rig.ready()
    await rig.printed("ready", WAIT_S)
    async with player(rig) as viewer:
        await viewer.send(Pad(pad=0, client_time_ms=stamp()))
        await rig.printed("added X360 Controller", WAIT_S)
        await viewer.send(Pad(pad=0, client_time_ms=stamp(), buttons=SOUTH))
        await rig.printed("button 0 1", WAIT_S)
    await rig.printed("button 0 0", WAIT_S)
    async with player(rig) as viewer:
        await viewer.send(Pad(pad=0, client_time_ms=stamp(), buttons=UP))
        await rig.printed("button 11 1", WAIT_S)
    assert not rig.has_printed("removed"), "a reload is no unplugging"


async def test_evdev_and_joydev_answer_as_the_kernel_does(rig: Any) -> None:
    start(rig, "kernel")
    await rig.ready()
    await rig.printed("ready", WAIT_S)
    async with player(rig) as viewer:
        await viewer.send(Pad(pad=0, client_time_ms=1))
        await rig.printed("node 20660 13:64 20660", WAIT_S)
        await rig.printed("device 045e:028e Microsoft X-Box 360 pad", WAIT_S)
        await rig.printed("joystick [8, 11]", WAIT_S)
        await rig.printed("js 130 2 -32767", WAIT_S)  # a trigger, as it stands
        await viewer.send(Pad(pad=0, client_time_ms=2, buttons=SOUTH | HOME, left_x=1234))
        for line in ("event 1 304 1", "event 1 316 1", "event 3 0 1234", "event 0 0 0", "js 1 0 1"):
            await rig.printed(line, WAIT_S)
        await rig.printed("down [304, 316]", WAIT_S)
        await rig.printed("x (1234, -32768, 32767)", WAIT_S)
        rumble = await viewer.hears(lambda message: message["type"] == "rumble")
        assert (rumble["strong"], rumble["weak"]) == (0.25, 0.75)
        await viewer.hears(lambda message: message["type"] == "rumble" and message["strong"] == 0)
        await viewer.send(PadGone(pad=0, client_time_ms=3))
        await rig.printed("gone 19", WAIT_S)


@IN_32_BIT
@pytest.mark.parametrize("clock", [(), ("-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64")], ids=["until-2038", "for-ever"])
async def test_a_32_bit_game_has_the_pad_too(rig: Any, clock: tuple[str, ...]) -> None:
    first, second, last = (str(C_LIBRARY_32 / name) for name in ("crt1.o", "crti.o", "crtn.o"))
    build = ["cc", "-m32", "-O1", "-Wall", "-Werror", "-fno-stack-protector", "-no-pie", "-nostdlib", *clock]
    headers = f"/usr/include/{os.uname().machine}-linux-gnu"
    parts = ["-isystem", headers, first, second, str(GUEST_32), f"-L{C_LIBRARY_32}", "-lc", last]
    await asyncio.to_thread(subprocess.run, [*build, "-o", str(rig.game_dir / "pads32"), *parts], check=True)
    rig.display["needs_window"] = False
    rig.start("./pads32")
    await rig.ready()
    await rig.printed("ready 32 16", WAIT_S)
    async with player(rig) as viewer:
        await viewer.send(Pad(pad=0, client_time_ms=1))
        for line in ("node 20660 13:64 20660", "device 045e:028e Microsoft X-Box 360 pad", "joystick [8, 11]"):
            await rig.printed(line, WAIT_S)
        await viewer.send(Pad(pad=0, client_time_ms=2, buttons=SOUTH, left_x=1234))
        for line in ("event 1 304 1", "event 3 0 1234", "event 0 0 0", "down 1, x (1234, -32768, 32767)", "js 1 0 1"):
            await rig.printed(line, WAIT_S)
        rumble = await viewer.hears(lambda message: message["type"] == "rumble")
        assert (rumble["strong"], rumble["weak"]) == (0.25, 0.75)
        await viewer.send(PadGone(pad=0, client_time_ms=3))
        await rig.printed("gone 19", WAIT_S)


async def test_a_game_that_floods_its_pad_harms_nobody(rig: Any) -> None:
    start(rig, "storm")
    await rig.ready()
    await rig.printed("ready", WAIT_S)
    async with player(rig) as viewer:
        await viewer.send(Pad(pad=0, client_time_ms=1))
        await rig.printed("stormed", WAIT_S)
        assert not rig.has_printed("unlinked /dev/input/event0") and not rig.has_printed("unlinked /dev/input/.pad0")
        await rig.printed("device 045e:028e Microsoft X-Box 360 pad", WAIT_S)
        await viewer.send(Pad(pad=0, client_time_ms=2, buttons=SOUTH))
        await rig.printed("event 1 304 1", WAIT_S)
        said = [message for message in viewer.heard if message["type"] == "rumble"]
        assert all(0 <= message["strong"] <= 1 and 0 <= message["duration_ms"] <= 5000 for message in said)
