"""A viewer's conversation with the hub, over a real WebSocket on a unix socket."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from packages.stream.tests.hub.conftest import OpenHouse, hello, ticket, until
from packages.stream.tests.hub.pictures import Decoder

from dillinger_contracts.clips import ClipboardOffer, ClipboardPart, ClipboardTaken, ClipboardWant
from dillinger_contracts.ice import IceServer, MediaAccess
from dillinger_contracts.input import Button, Key, Move, ReleaseAll
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.media import KIND_VOICE
from dillinger_contracts.session import SessionEnd, StreamProfile
from dillinger_contracts.signaling import (
    Bye,
    Ended,
    KeyframeWanted,
    Notice,
    Ping,
    Pong,
    Resize,
    ServerStats,
    SetProfile,
    VideoConfig,
    Welcome,
)
from dillinger_stream.clipboard.base import Clip
from dillinger_stream.hub import HubSettings

STEERLESS = HubSettings(stats_interval_s=3600)
"""Nobody's wish is cut because a busy machine shows pictures late."""


async def test_shows_the_picture_from_a_keyframe_on(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit()
    await until(lambda: len(viewer.pictures) >= 30, "thirty pictures")
    welcome, config = viewer.of(Welcome)[0], viewer.of(VideoConfig)[0]
    assert (welcome.role, welcome.is_resizable, welcome.has_sound) == ("player", True, False)
    assert (config.codec, config.width_px, config.height_px) == ("avc1.42c01f", 320, 180)
    assert viewer.order[:5] == ["welcome", "people", "transport", "video_config", "keyframe"]
    for before, picture in pairwise(viewer.pictures):
        assert picture.is_keyframe or picture.sequence == before.sequence + 1, "a decoder has what it builds on"
    decoder = Decoder()
    shown = [frame for picture in viewer.pictures for frame in decoder.decode(picture.data)]
    assert len(shown) >= 30
    assert not np.array_equal(shown[0], shown[-1])
    await until(lambda: any(stats.latency_ms_p50 for stats in viewer.of(ServerStats)), "a measured delay")
    assert {stats.viewers for stats in viewer.of(ServerStats)} == {1}


async def test_encoder_rests_while_nobody_looks(open_house: OpenHouse) -> None:
    house = await open_house()
    assert house.source.is_paused
    viewer = await house.visit()
    assert not house.source.is_paused
    await viewer.say(Bye())
    await until(lambda: house.source.is_paused, "the pause")
    await until(lambda: viewer.close_code == 1000, "the close")
    await until(lambda: house.peers_seen == [1, 0], "what the house sees of it")


async def test_refuses_bad_tickets(open_house: OpenHouse) -> None:
    house = await open_house()
    used = ticket()
    first = await house.dial()
    await first.say(hello(used))
    await until(lambda: first.transport is not None, "the welcome")
    for text in (used, "nonsense", ticket(sid="b" * 20), ticket(iat=1, exp=2)):
        viewer = await house.dial()
        await viewer.say(hello(text))
        await viewer.closed()
        assert viewer.close_code == 4403
        assert viewer.order == ["notice"]
    assert house.hub.peers == 1


async def test_hello_has_a_deadline(open_house: OpenHouse) -> None:
    house = await open_house(settings=HubSettings(hello_deadline_s=0.2))
    viewer = await house.dial()
    await until(lambda: viewer.close_code == 4422, "the close")
    assert "hello" in viewer.close_reason


@pytest.mark.parametrize("first", ["{}", "garbage", b"\x01\x00", '{"type":"ping","time_ms":1}', "[" * 5000])
async def test_one_fault_before_the_hello_closes(open_house: OpenHouse, first: str | bytes) -> None:
    house = await open_house()
    viewer = await house.dial()
    await (viewer.say(first) if isinstance(first, str) else viewer.do(first))
    await until(lambda: viewer.close_code in (4422, 4409), "the close")


async def test_ten_faults_close_and_nine_do_not(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit()
    for number in range(9):
        await (viewer.say('{"type":"nonsense"}') if number % 2 else viewer.do(b"\xff" * (8 + number)))
    await viewer.say(Ping(time_ms=7))
    await until(lambda: bool(viewer.of(Pong)), "the pong")
    assert len(viewer.of(Notice)) == 9
    assert viewer.of(Pong)[0].time_ms == 7
    await viewer.do(b"\x00" * 65)
    await until(lambda: viewer.close_code == 4422, "the close")
    await until(lambda: house.hub.peers == 0, "the peer's end")


async def test_input_arrives_and_is_released(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit()
    events = [Key(code=30, is_down=True), Button(button=1, is_down=True), Move(x=1, y=2)]
    for event in events:
        await viewer.do(event)
    await viewer.do(ReleaseAll())
    sink = house.sinks[0]
    await until(lambda: sink.releases == 1, "the release")
    assert sink.events == events
    viewer.connection.transport.abort()
    await until(lambda: sink.releases == 2, "the release after the link was lost")
    await until(lambda: house.hub.peers == 0, "the peer's end")


async def test_viewers_may_only_watch(open_house: OpenHouse) -> None:
    house = await open_house(settings=STEERLESS)
    player = await house.visit("player", profile=StreamProfile(bitrate_bps=8_000_000))
    viewer = await house.visit("viewer", profile=StreamProfile(bitrate_bps=1_000_000))
    for _ in range(3):
        await viewer.do(Key(code=30, is_down=True))
        await viewer.say(Resize(width_px=640, height_px=480))
        await viewer.say(SetProfile(profile=StreamProfile(bitrate_bps=200_000)))
    await viewer.say(Ping(time_ms=1))
    await until(lambda: bool(viewer.of(Pong)), "the pong")
    assert [notice.code for notice in viewer.of(Notice)] == ["viewer_input", "viewer_wish"]
    assert len(house.sinks) == 1
    assert house.sinks[0].events == []
    assert house.sizes == []
    assert house.source.quality == (8_000_000, 60.0)
    await until(lambda: min(len(player.pictures), len(viewer.pictures)) > 10, "pictures for both")


async def test_follows_the_wish_of_who_plays_and_of_watchers_while_nobody_does(open_house: OpenHouse) -> None:
    house = await open_house(settings=STEERLESS)
    await house.visit("viewer", profile=StreamProfile(bitrate_bps=300_000))
    assert house.source.quality == (300_000, 60.0)
    player = await house.visit("player", profile=StreamProfile(bitrate_bps=8_000_000, rate_hz=30))
    assert house.source.quality == (8_000_000, 30.0)
    await house.visit("player", profile=StreamProfile(bitrate_bps=4_000_000))
    assert house.source.quality == (8_000_000, 30.0)
    await player.say(SetProfile(profile=StreamProfile(bitrate_bps=9_000_000)))
    await until(lambda: house.source.quality == (9_000_000, 60.0), "the new quality")
    assert house.sizes == []


async def test_resizes_to_the_newest_wish(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit()
    for width_px in range(321, 420, 7):
        await viewer.say(Resize(width_px=width_px, height_px=241))
    await until(lambda: bool(house.sizes) and house.sizes[-1] == (418, 240), "the last size")
    await until(lambda: any(config.width_px == 418 for config in viewer.of(VideoConfig)), "the new configuration")
    await until(lambda: viewer.pictures[-1].width_px == 418, "the new picture")
    first = next(picture for picture in viewer.pictures if picture.width_px == 418)
    assert first.is_keyframe
    await viewer.say(SetProfile(profile=StreamProfile(width_px=640, height_px=360)))
    await until(lambda: house.sizes[-1] == (640, 360), "the profile's size")


async def test_a_fixed_size_is_told_once(open_house: OpenHouse) -> None:
    house = await open_house(is_resizable=False)
    viewer = await house.visit()
    for _ in range(3):
        await viewer.say(Resize(width_px=640, height_px=480))
    await viewer.say(Ping(time_ms=1))
    await until(lambda: bool(viewer.of(Pong)), "the pong")
    assert [notice.code for notice in viewer.of(Notice)] == ["fixed_size"]
    assert not viewer.of(Welcome)[0].is_resizable


async def test_viewers_are_told_of_the_ice_servers(open_house: OpenHouse) -> None:
    server = IceServer(urls=("turn:turn.example.org:3478?transport=udp",), username="1:a", credential="b")
    house = await open_house(settings=HubSettings(media=MediaAccess(servers=(server,))))
    viewer = await house.visit()
    await until(lambda: bool(viewer.of(Welcome)), "the welcome")
    assert viewer.of(Welcome)[0].ice_servers == (server,)


async def test_the_end_is_told_to_all(open_house: OpenHouse) -> None:
    house = await open_house()
    viewers = [await house.visit(), await house.visit("viewer")]
    end = SessionEnd(reason=EndReason.GAME_EXITED, exit_code=0, ended_at=datetime.now(UTC))
    await house.hub.end(end)
    for viewer in viewers:
        assert await viewer.closed() == 1000
        assert viewer.of(Ended)[0].end.reason is EndReason.GAME_EXITED
    late = await house.dial()
    await late.say(hello(ticket()))
    await until(lambda: late.close_code == 1000, "the close")
    assert late.order == ["ended"]


async def test_the_house_can_be_full(open_house: OpenHouse) -> None:
    house = await open_house(settings=HubSettings(max_peers=2))
    await house.visit()
    await house.visit("viewer")
    third = await house.dial()
    await third.say(hello(ticket()))
    await until(lambda: third.close_code == 4429, "the close")
    assert house.hub.peers == 2


async def test_keyframes_are_spaced(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit()
    await until(lambda: bool(viewer.pictures), "a picture")
    before = house.source.keyframes_wanted
    started = asyncio.get_running_loop().time()
    for number in range(50):
        await viewer.say(KeyframeWanted())
        await viewer.say(Ping(time_ms=number))
        await until(lambda number=number: len(viewer.of(Pong)) > number, "the pong")  # type: ignore[misc]
    took_s = asyncio.get_running_loop().time() - started
    assert house.source.keyframes_wanted - before <= 2 + took_s / 0.25
    asked = len(viewer.pictures)
    await until(lambda: any(p.is_keyframe for p in viewer.pictures[asked:]), "the keyframe")


def test_webrtc_costs_nothing_until_it_is_wanted() -> None:
    code = "import sys, dillinger_stream.hub; print('aiortc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "False\n"


OPUS_SILENCE = b"\xf8\xff\xfe"
"""20 ms (the packet that libopus sends for digital silence)."""


class Desk:
    """A game's clipboard and microphone."""

    def __init__(self) -> None:
        self.pasted: list[Clip] = []
        self.heard: list[tuple[int, bytes]] = []

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        self.pasted.append(clip)
        on_taken()

    def hear(self, speaker: int, pcm: bytes) -> None:
        self.heard.append((speaker, pcm))


async def test_player_copies_pastes_and_speaks_and_a_watcher_does_not(open_house: OpenHouse) -> None:
    house = await open_house()
    desk = Desk()
    house.hub.clipboard, house.hub.voice = desk, desk
    player, watcher = await house.visit(), await house.visit(role="viewer")
    assert [viewer.of(Welcome)[0].has_clipboard for viewer in (player, watcher)] == [True, False]
    for viewer in (player, watcher):
        await viewer.say(ClipboardOffer(serial=1, kind="text", size_bytes=5))
        await viewer.connection.send(bytes([KIND_VOICE]) + OPUS_SILENCE)
    await until(lambda: bool(player.of(ClipboardWant)), "the question")
    await player.say(ClipboardPart(serial=1, offset=0, data="aGVsbG8="))
    await until(lambda: bool(player.of(ClipboardTaken)), "what was taken")
    await until(lambda: len(watcher.of(Notice)) >= 2, "why not")
    house.hub.copied(Clip("text", b"bye"))
    await until(lambda: bool(player.of(ClipboardOffer)), "the offer")
    await until(lambda: bool(desk.heard), "the voice")
    assert desk.pasted == [Clip("text", b"hello")]
    assert {speaker for speaker, _ in desk.heard} == {player.of(Welcome)[0].peer_id}
    assert not watcher.of(ClipboardOffer) and not watcher.of(ClipboardWant)
    assert {notice.code for notice in watcher.of(Notice)} == {"viewer_voice", "viewer_clipboard"}
