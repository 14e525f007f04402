"""Several peers of one hub: one plays, the others watch, and it is handed over; over real WebSockets."""

from __future__ import annotations

import time

from packages.stream.tests.hub.conftest import House, OpenHouse, Viewer, hello, ticket, until

from dillinger_contracts.floor import FloorAct, FloorWish, People
from dillinger_contracts.input import Button, Key, Pad, PadGone
from dillinger_contracts.session import StreamProfile
from dillinger_contracts.signaling import Bye, KeyframeWanted, Notice, Ping, Pong, Resize, Welcome
from dillinger_stream.hub import HubSettings
from dillinger_stream.keyframes import KeyframeRation
from dillinger_stream.peer import FLOOR_BURST

SPACE = Key(code=57, is_down=True)


async def wish(who: Viewer, act: FloorAct, whom: Viewer | None = None) -> None:
    await who.say(FloorWish(act=act, peer_id=whom and whom.peer_id))


async def answered(viewer: Viewer) -> None:
    """Waits until the hub has read all that `viewer` said so far."""
    pongs = len(viewer.of(Pong))
    await viewer.say(Ping(time_ms=1))
    await until(lambda: len(viewer.of(Pong)) > pongs, "the pong")


async def test_everybody_hears_who_is_there_and_who_plays(open_house: OpenHouse) -> None:
    house = await open_house()
    owner = await house.visit(rank="owner", user="ann")
    guest = await house.visit("viewer", user="guest-1")
    await until(lambda: len(owner.of(People)) == 2, "the guest's coming")
    told = owner.of(People)[-1]
    assert told == guest.of(People)[-1]
    assert told.player == owner.peer_id
    assert [(person.name, person.rank, person.may_play) for person in told.people] == [
        ("ann", "owner", True), ("guest-1", "guest", False),
    ]  # fmt: skip
    assert (owner.of(Welcome)[0].role, guest.of(Welcome)[0].role) == ("player", "viewer")
    await guest.say(Bye())
    await until(lambda: len(owner.of(People)[-1].people) == 1, "the guest's going")


async def test_control_is_handed_over_and_nothing_stays_pressed(open_house: OpenHouse) -> None:
    house = await open_house()
    owner = await house.visit(rank="owner")
    guest = await house.visit(user="guest-1", profile=StreamProfile(bitrate_bps=2_000_000))
    await owner.do(SPACE)
    await owner.do(Button(button=1, is_down=True))
    await until(lambda: len(house.sinks[0].events) == 2, "what is held")
    await guest.do(SPACE)
    await answered(guest)
    assert [notice.code for notice in guest.of(Notice)] == ["viewer_input"]
    await wish(guest, "ask")
    await until(lambda: owner.of(People)[-1].people[1].is_asking, "the question")
    await wish(owner, "give", guest)
    await until(lambda: guest.plays and not owner.plays, "the hand-over")
    assert house.sinks[0].releases == house.sinks[1].made_after == 1, "what the owner held is let go first"
    assert house.source.quality[0] == 2_000_000, "the picture follows who plays"
    await owner.do(SPACE)
    await guest.do(Key(code=30, is_down=True))
    await until(lambda: bool(house.sinks[1].events), "the guest's key")
    await answered(owner)
    assert house.sinks[1].events == [Key(code=30, is_down=True)]
    assert len(house.sinks) == 2 and len(house.sinks[0].events) == 2
    await wish(owner, "take")
    await until(lambda: owner.plays, "the owner's turn")
    assert house.sinks[1].releases == 1


async def test_control_returns_to_the_owner_when_the_guest_is_cut_off(open_house: OpenHouse) -> None:
    house = await open_house()
    owner, guest = await house.visit(rank="owner"), await house.visit(user="guest-1")
    await wish(owner, "give", guest)
    await until(lambda: guest.plays, "the hand-over")
    await guest.do(SPACE)
    await until(lambda: bool(house.sinks[1].events), "what the guest holds")
    guest.connection.transport.abort()
    await until(lambda: owner.plays, "the owner's turn")
    assert house.sinks[1].releases >= 1
    await owner.do(SPACE)
    await until(lambda: house.sinks[2].events == [SPACE], "the owner's key")


async def test_a_watcher_can_do_nothing_to_the_game(open_house: OpenHouse) -> None:
    house = await open_house()
    owner, watcher = await house.visit(rank="owner"), await house.visit("viewer", user="guest-1")
    acts: list[FloorAct] = ["take", "ask", "join_pads", "release", "give", "decline"]
    for act in acts:
        await wish(watcher, act, watcher if act in ("give", "decline") else None)
    for event in (SPACE, Pad(pad=0, buttons=1), PadGone(pad=0)):
        await watcher.do(event)
    await watcher.say(Resize(width_px=640, height_px=480))
    await answered(watcher)
    assert {notice.code for notice in watcher.of(Notice)} == {"denied", "conflict", "viewer_input", "viewer_wish"}
    assert len(house.sinks) == 1 and house.sinks[0].events == []
    assert house.sizes == []
    assert owner.plays and len(owner.of(People)) == 2, "and nobody was bothered"


async def test_wishes_without_end_bother_nobody(open_house: OpenHouse) -> None:
    house = await open_house()
    owner, guest = await house.visit(rank="owner"), await house.visit(user="guest-1")
    started_s = time.monotonic()
    for _ in range(20):
        await wish(guest, "ask")
        await wish(guest, "withdraw")
    await answered(guest)
    assert len(owner.of(People)) <= 2 + FLOOR_BURST + time.monotonic() - started_s
    assert "exhausted" in {notice.code for notice in guest.of(Notice)}


async def test_a_second_player_has_gamepads_and_nothing_else(open_house: OpenHouse) -> None:
    house = await open_house()
    owner, guest = await house.visit(rank="owner"), await house.visit(user="guest-1")
    await wish(guest, "join_pads")
    await until(lambda: owner.of(People)[-1].people[1].has_pads, "the second player")
    pad = Pad(pad=0, buttons=1)
    await guest.do(SPACE)
    await guest.do(pad)
    await until(lambda: bool(house.sinks[1].events), "the gamepad")
    assert house.sinks[1].events == [pad]
    await wish(guest, "leave_pads")
    await until(lambda: house.sinks[1].releases == 1, "the gamepad let go")
    assert owner.plays


async def test_a_page_that_comes_back_before_its_old_link_is_lost_plays_on(open_house: OpenHouse) -> None:
    house = await open_house()
    first = await house.visit(rank="owner", device="secret-of-the-page")
    await first.do(SPACE)
    await until(lambda: bool(house.sinks[0].events), "what is held")
    again = await house.visit(rank="owner", device="secret-of-the-page")
    assert again.plays
    assert house.sinks[0].releases == house.sinks[1].made_after == 1
    assert await first.closed() == 4409
    assert house.hub.peers == 1
    stranger = await house.visit(rank="owner", user="ben", device="secret-of-the-page")
    await until(lambda: bool(stranger.of(People)), "who is there")
    assert again.plays and not stranger.plays


async def test_guests_never_lock_the_owner_out(open_house: OpenHouse) -> None:
    house = await open_house(settings=HubSettings(max_peers=2))
    for number in range(2):
        await house.visit("viewer", user=f"guest-{number}")
    third = await house.dial()
    await third.say(hello(ticket("viewer")))
    assert await third.closed() == 4429
    owner = await house.visit(rank="owner")
    assert owner.plays


async def test_what_watchers_ask_for_costs_the_player_few_keyframes(open_house: OpenHouse) -> None:
    house = await open_house(settings=HubSettings(keyframe_spacing_s=0.0, stats_interval_s=3600))
    player = await house.visit(rank="owner")
    watchers = [await house.visit("viewer", user=f"guest-{number}") for number in range(3)]
    await until(lambda: all(watcher.pictures for watcher in watchers), "a picture for each")
    for viewer in (player, *watchers):  # whoever shows nothing is never late, and asks for nothing by itself
        viewer.is_showing = False
        await answered(viewer)
    before, started_s = house.source.keyframes_wanted, time.monotonic()
    for _ in range(30):
        for watcher in watchers:
            await watcher.say(KeyframeWanted())
        await answered(watchers[0])
    made = house.source.keyframes_wanted - before
    assert made <= 1 + (time.monotonic() - started_s) / 2, "their first pictures used up what they have at once"
    asked = house.source.keyframes_wanted
    await player.say(KeyframeWanted())
    await until(lambda: house.source.keyframes_wanted > asked, "the player's own")


def test_ration() -> None:
    ration = KeyframeRation(spacing_s=0.25)
    assert [ration.wait_s(1, 0.0, is_watcher=True) for _ in range(4)] == [0, 0, 8, 8], "one watcher, again and again"
    assert ration.wait_s(2, 0.0, is_watcher=True) == 2, "and all of them together"
    assert ration.wait_s(3, 0.0, is_watcher=False) == 0, "the player"
    ration.made(0.0)
    assert ration.wait_s(3, 0.1, is_watcher=False) == 0.15
    assert ration.wait_s(1, 100.0, is_watcher=True) == 0, "later"


async def test_the_player_gets_each_picture_first(open_house: OpenHouse) -> None:
    house: House = await open_house()
    watcher = await house.visit("viewer", user="guest-1")
    owner = await house.visit(rank="owner")
    assert [peer.peer_id for peer in house.hub._line] == [owner.peer_id, watcher.peer_id]
