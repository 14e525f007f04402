"""What pictures are encoded as is what every viewer can take at the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packages.stream.tests.hub.conftest import until

from dillinger_contracts.session import StreamProfile
from dillinger_contracts.signaling import Decoders, Notice, ServerStats, SetProfile
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


async def test_a_browser_without_h264_says_so_and_one_that_says_nothing_has_it(open_house: OpenHouse) -> None:
    house = await open_house(settings=QUICK)
    player = await house.visit("player")
    await player.say(Decoders(formats=("vp8", "av1")))
    await until(lambda: house.source.codec.takes == {"vp8", "av1"}, "what the player decodes")
    assert house.source.codec.players_take == {"vp8", "av1"}
    await player.say(Decoders(formats=()))
    await until(lambda: house.source.codec.takes == {"h264"}, "what is presumed")


async def test_a_watcher_that_takes_nothing_that_the_player_does_changes_nothing(open_house: OpenHouse) -> None:
    house = await open_house(settings=QUICK)
    watcher = await house.visit("viewer")
    await watcher.say(Decoders(formats=("vp8", "vp9")))
    await until(lambda: house.source.codec.takes == {"vp8", "vp9"}, "what the watcher decodes")
    player = await house.visit("player")
    await player.say(Decoders(formats=("av1", "h264", "vp9")))
    await until(lambda: house.source.codec.takes == {"vp9"}, "what both decode")
    assert house.source.codec.players_take == {"av1", "h264", "vp9"}
    await player.say(Decoders(formats=("av1", "h264")))
    await until(lambda: house.source.codec.takes == {"av1", "h264"}, "what the player decodes")
