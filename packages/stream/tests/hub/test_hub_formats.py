"""What pictures are encoded as is what every viewer can take at the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packages.stream.tests.hub.conftest import until
from packages.stream.tests.hub.test_transport_webrtc import watch_webrtc

from dillinger_contracts.session import StreamProfile
from dillinger_contracts.signaling import Decoders, Notice, ServerStats, SetProfile, SetTransport
from dillinger_stream.hub import HubSettings

if TYPE_CHECKING:
    from packages.stream.tests.hub.conftest import OpenHouse

QUICK = HubSettings(stats_interval_s=0.1)


async def test_a_choice_reaches_the_encoder_with_what_all_browsers_decode(open_house: OpenHouse) -> None:
    house = await open_house(settings=QUICK)
    player = await house.visit("player", profile=StreamProfile(codec="av1", is_text_sharp=True))
    await until(lambda: house.source.codec.codec == "av1", "the wish")
    assert house.source.codec.is_text_sharp
    assert house.source.codec.decodes == {"h264"}, "nothing was told yet"
    await player.say(Decoders(formats=("h264", "vp9", "av1")))
    await until(lambda: house.source.codec.takes == {"h264", "vp9", "av1"}, "what the player decodes")
    watcher = await house.visit("viewer")
    await until(lambda: house.source.codec.decodes == {"h264"}, "what both decode")
    await watcher.say(Decoders(formats=("h264", "vp9", "vp8")))
    await until(lambda: house.source.codec.takes == {"h264", "vp9"}, "what both decode")
    await player.say(SetProfile(profile=StreamProfile(codec="vp9")))
    await until(lambda: house.source.codec.codec == "vp9", "another wish")
    await watcher.connection.close()
    await until(lambda: house.source.codec.takes == {"h264", "vp9", "av1"}, "what the player decodes")


async def test_a_viewer_is_offered_what_it_decodes_and_the_seat_encodes_in_time(open_house: OpenHouse) -> None:
    house = await open_house(settings=QUICK)
    player = await house.visit("player")
    await player.say(Decoders(formats=("h264", "h264-444", "vp9")))
    await until(lambda: any(stats.formats == ("h264", "vp9") for stats in player.of(ServerStats)), "the offer")
    assert player.of(ServerStats)[-1].codec_reason == "H.264: the quickest here"


async def test_formats_that_nobody_knows_are_a_fault_and_harm_nothing(open_house: OpenHouse) -> None:
    house = await open_house(settings=QUICK)
    player = await house.visit("player")
    await player.say({"type": "decoders", "formats": ["h264", "theora"]})
    await player.say({"type": "decoders", "formats": ["h264"] * 17})
    await until(lambda: len(player.of(Notice)) == 2, "two complaints")
    assert house.source.codec.takes == {"h264"}


async def test_what_webrtc_carries_is_the_baseline_and_the_encoder_is_told_before(open_house: OpenHouse) -> None:
    house = await open_house(settings=QUICK)
    player = await house.visit("player", profile=StreamProfile(codec="vp9"))
    await player.say(Decoders(formats=("h264", "vp9")))
    await until(lambda: house.source.codec.takes == {"h264", "vp9"}, "what the player decodes")
    house.source.format = "vp9"
    await player.say(SetTransport(transport="webrtc"))
    browser = await watch_webrtc(player, house)
    await until(lambda: house.source.codec.takes == {"h264"}, "what WebRTC carries", timeout_s=30)
    assert house.source.codec.decodes == {"h264", "vp9"}
    count = len(player.pictures)
    house.source.request_keyframe()
    await until(lambda: any(one.is_keyframe for one in player.pictures[count:]), "a keyframe in VP9", timeout_s=30)
    assert player.transport == "websocket", "WebRTC waits for a keyframe that it can carry"
    house.source.format = "h264"
    house.source.request_keyframe()
    await until(lambda: player.transport == "webrtc", "WebRTC", timeout_s=30)
    await until(lambda: len(browser.frames) > 3, "pictures over WebRTC", timeout_s=30)
    await player.say(SetTransport(transport="websocket"))
    await until(lambda: house.source.codec.takes == {"h264", "vp9"}, "what the WebSocket carries", timeout_s=30)
    await browser.close()
