"""A player's head in a real cell: the game hears how it is turned by opentrack's datagrams, and only where it asks."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection

from dillinger_contracts.input import InputEvent, Look, ReleaseAll, encode
from dillinger_contracts.lifecycle import EndReason
from dillinger_seat.head import POSE, SPACING_S, Head

GUEST = Path(__file__).with_name("guests") / "heads.py"
WAIT_S = 30.0
FLOOD = 400


def start(rig: Any, *, asks: bool, waits_for: str = "") -> None:
    shutil.copy(GUEST, rig.game_dir)
    rig.display["needs_window"] = False
    rig.game["head_tracking"] = asks
    rig.start("/usr/bin/python3", "-I", "/game/heads.py", *([waits_for] if waits_for else []))


async def send(viewer: ClientConnection, *events: InputEvent) -> None:
    for event in events:
        await viewer.send(encode(event))


async def settled(rig: Any, viewer: ClientConnection) -> None:
    """The seat has done what was sent before."""
    await viewer.send('{"type": "ping", "time_ms": 1}')
    await rig.next_text(viewer, "pong", WAIT_S)


async def test_a_game_that_asks_follows_the_head_and_it_looks_ahead_again_when_let_go(rig: Any) -> None:
    start(rig, asks=True, waits_for="/home/player/go")
    await rig.ready()
    viewer = await rig.view()
    assert (await rig.next_text(viewer, "welcome", WAIT_S))["has_head_tracking"]
    await send(viewer, Look(client_time_ms=1000, yaw=100))
    await settled(rig, viewer)
    (rig.saves_dir / "go").touch()
    await rig.printed("listening", WAIT_S)
    # That nobody listened before is told to the next who sends, and takes nothing from the game.
    await send(viewer, Look(client_time_ms=1016, yaw=1250, pitch=-3000, roll=18000))
    await rig.printed("pose 0 0 0 12.5 -30 180", WAIT_S)
    await send(viewer, Look(client_time_ms=1032, yaw=-9000))
    await rig.printed("pose 0 0 0 -90 0 0", WAIT_S)
    await viewer.send(encode(Look(client_time_ms=1048))[:8] + b"\xff\x7f" * 3)
    assert "No head" in (await rig.next_text(viewer, "notice", WAIT_S))["message"]
    await send(viewer, ReleaseAll())
    await rig.printed("pose 0 0 0 0 0 0", WAIT_S)
    await send(viewer, Look(client_time_ms=1064, roll=-4500))
    await rig.printed("pose 0 0 0 0 0 -45", WAIT_S)
    await viewer.close()
    await asyncio.to_thread(
        rig._wait, lambda: rig._guest_lines().count("pose 0 0 0 0 0 0") == 2, WAIT_S, "who left still looks aside"
    )
    await rig.runner.order_stop(EndReason.USER_STOP, grace_s=WAIT_S)
    await rig.ended(WAIT_S)
    assert rig.traces() == []


async def test_a_game_that_does_not_ask_hears_nothing(rig: Any) -> None:
    start(rig, asks=False)
    await rig.ready()
    await rig.printed("listening", WAIT_S)
    viewer = await rig.view()
    assert not (await rig.next_text(viewer, "welcome", WAIT_S))["has_head_tracking"]
    await send(viewer, Look(client_time_ms=1000, yaw=100))
    await settled(rig, viewer)
    await rig.runner.order_stop(EndReason.USER_STOP, grace_s=WAIT_S)
    await rig.ended(WAIT_S)
    assert rig.has_printed("left")
    assert not [line for line in rig._guest_lines() if line.startswith("pose")]


async def test_of_a_flood_the_game_gets_the_newest_sixty_times_a_second() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as game:
        game.bind(("127.0.0.1", 0))
        game.setblocking(False)
        way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        way.setblocking(False)
        way.connect(game.getsockname())
        head = Head(way)
        began_s = loop.time()
        for step in range(1, FLOOD + 1):
            head.turn((step, 0, 0))
            await asyncio.sleep(0)
        heard: list[float] = []
        async with asyncio.timeout(WAIT_S):
            while not heard or heard[-1] != FLOOD / 100:
                heard.append(POSE.unpack(await loop.sock_recv(game, 512))[3])
        assert len(heard) <= (loop.time() - began_s) / SPACING_S + 2
        assert heard == sorted(heard)
        sink = head.sink()
        sink.handle(Look(client_time_ms=5, yaw=50))
        sink.handle(Look(client_time_ms=0xFFFFFFFF, yaw=60))  # before the clock wrapped: it was overtaken
        async with asyncio.timeout(WAIT_S):
            assert POSE.unpack(await loop.sock_recv(game, 512))[3] == 0.5
        head.close()
        head.close()
