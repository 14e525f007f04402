"""Every format over one WebRTC connection, to a real aiortc peer: what was agreed on comes, and it may change."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiortc import rtp
from packages.stream.tests.hub.conftest import House, OpenHouse, Viewer, ticket, until
from packages.stream.tests.hub.drawn import Drawn, found_in_order
from packages.stream.tests.hub.test_watch import Player
from packages.stream.tests.hub.webrtc_browser import Browser

from dillinger_contracts.session import StreamProfile, VideoFormat
from dillinger_contracts.signaling import (
    SIGNALING_VERSION,
    Decoders,
    Description,
    Notice,
    SetTransport,
    VideoConfig,
    Watch,
)
from dillinger_stream.choose import WebRtcState
from dillinger_stream.errors import WebRtcError
from dillinger_stream.hub import HubSettings
from dillinger_stream.transport import offered
from dillinger_stream.transport.webrtc import WebRtcTransport

WAIT_S = 30.0
QUICK = HubSettings(stats_interval_s=0.1)
UNAVAILABLE = 4503


def without(sdp: str, *codecs: str) -> str:
    """A description as one reads it that knows nothing of `codecs`."""
    for codec in codecs:
        sdp = re.sub(rf"(a=rtpmap:\d+) {codec}/", r"\1 unheard-of/", sdp)
    return sdp


@asynccontextmanager
async def connected(*unknown: str) -> AsyncIterator[tuple[WebRtcTransport, Browser]]:
    """A transport and a browser that knows nothing of some codecs."""
    states: list[WebRtcState] = []
    transport = WebRtcTransport(has_sound=False, on_input=lambda *_: None, on_state=states.append)
    browser = Browser()
    try:
        offer = (await transport.offer()).sdp
        answer = await browser.answer(without(offer, *unknown))
        await transport.negotiate(Description(kind="answer", sdp=answer))
        await until(lambda: states == [WebRtcState.OPEN], "the connection", timeout_s=WAIT_S)
        yield transport, browser
    finally:
        await browser.close()
        await transport.close()


async def play(transport: WebRtcTransport, drawn: Drawn, units: int) -> list[Any]:
    """Sends so many pictures; what they are when they are decoded."""
    expected = []
    for _ in range(units):
        unit = drawn.unit()
        expected.append(drawn.decoded(unit.data))
        transport.push(unit)
        await asyncio.sleep(1 / 60)
    return expected


async def shown(browser: Browser, expected: list[Any], *, but: int) -> None:
    """Waits for the pictures, pixel for pixel: aiortc gives one out when the next begins, and takes the last one before
    a change for one after it."""
    enough = len(expected) - but
    await until(
        lambda: len(browser.frames) >= enough and found_in_order(browser.frames, expected) >= enough,
        f"{enough} pictures", timeout_s=WAIT_S,
    )  # fmt: skip


async def test_a_browser_without_h264_gets_vp8_as_it_was_encoded() -> None:
    async with connected("H264", "VP9", "AV1") as (transport, browser):
        assert transport.formats == {"vp8"}
        transport.push(Drawn("h264").unit())
        await shown(browser, await play(transport, Drawn("vp8"), 20), but=1)
        assert transport.dropped_frames == 0


async def test_the_format_changes_and_the_connection_does_not() -> None:
    async with connected() as (transport, browser):
        assert transport.formats == {"h264", "h264-high", "h264-444", "vp8", "vp9", "av1"}
        drawn, expected = Drawn("h264"), []
        formats: list[VideoFormat] = ["h264", "vp8", "h264", "vp8"]
        for format_ in formats:
            drawn.encode_as(format_)
            expected += await play(transport, drawn, 8)
        await shown(browser, expected, but=len(formats))


async def test_what_is_lost_is_sent_again_as_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: dict[int, set[int]] = {}
    async with connected() as (transport, browser):
        receiver, source = browser.receiver("video"), transport._video_sender._ssrc
        take = receiver._handle_rtp_packet
        came = 0

        async def lose_some(packet: rtp.RtpPacket, arrival_time_ms: int) -> None:
            nonlocal came
            came += 1
            if packet.ssrc == source and came > 5 and packet.sequence_number % 7 == 0:
                lost.setdefault(packet.payload_type, set()).add(packet.sequence_number)
            else:
                await take(packet, arrival_time_ms)

        monkeypatch.setattr(receiver, "_handle_rtp_packet", lose_some)
        drawn = Drawn("h264")
        expected = await play(transport, drawn, 15)
        drawn.encode_as("vp8")
        expected += await play(transport, drawn, 15)
        await shown(browser, expected, but=2)
    assert len(lost) == 2, "packets of both were lost"


async def test_numbers_that_no_packet_may_have_are_not_agreed_on() -> None:
    transport = WebRtcTransport(has_sound=False, on_input=lambda *_: None, on_state=lambda _: None)
    browser = Browser()
    try:
        answer = await browser.answer((await transport.offer()).sdp)
        retransmits = re.findall(r"a=rtpmap:(\d+) rtx/", answer)
        for number in retransmits:
            strange = int(number) + 100
            answer = re.sub(rf"\b{number}\b(?= rtx/| apt=)", f"{strange}", answer)
            answer = re.sub(rf"(m=video .*)\b{number}\b", rf"\g<1>{strange}", answer)
        await transport.negotiate(Description(kind="answer", sdp=answer))
        assert transport.formats and all(lane.again_payload_type is None for lane in transport._lanes.values())
        with pytest.raises(WebRtcError):
            await transport.negotiate(Description(kind="answer", sdp=without(answer, "VP8")))
        assert "vp8" in transport.formats, "what was agreed on stays"
    finally:
        await browser.close()
        await transport.close()


async def test_vp9_and_av1_of_other_profiles_are_not_agreed_on() -> None:
    browser = Browser()
    transport = WebRtcTransport(has_sound=False, on_input=lambda *_: None, on_state=lambda _: None)
    try:
        answer = await browser.answer((await transport.offer()).sdp)
        assert "profile-id=0" in answer and "profile=0" in answer
        other = answer.replace("profile-id=0", "profile-id=2").replace("profile=0", "profile=1")
        await transport.negotiate(Description(kind="answer", sdp=other))
        assert transport.formats == {"h264", "h264-high", "h264-444", "vp8"}
    finally:
        await browser.close()
        await transport.close()


async def hub_browser(viewer: Viewer, *unknown: str) -> Browser:
    """Answers the seat's offer as a browser that knows nothing of some codecs."""
    await until(lambda: bool(viewer.of(Description)), "the offer", timeout_s=WAIT_S)
    browser = Browser()
    answer = await browser.answer(without(viewer.of(Description)[-1].sdp, *unknown))
    await viewer.say(Description(kind="answer", sdp=answer))
    return browser


async def test_webrtc_takes_over_with_what_its_browser_takes(open_house: OpenHouse) -> None:
    house = await open_house(settings=QUICK)
    player = await house.visit("player", profile=StreamProfile(codec="vp9"))
    await player.say(Decoders(formats=("h264", "vp8", "vp9")))
    await until(lambda: house.source.codec.takes == {"h264", "vp8", "vp9"}, "what the player decodes")
    await player.say(SetTransport(transport="webrtc"))
    browser = await hub_browser(player, "H264", "VP9", "AV1")
    try:
        await until(lambda: house.source.codec.takes == {"vp8"}, "what WebRTC carries", timeout_s=WAIT_S)
        assert house.source.codec.decodes == {"h264", "vp8", "vp9"}
        count = len(player.pictures)
        house.source.request_keyframe()
        await until(lambda: any(one.is_keyframe for one in player.pictures[count:]), "a keyframe", timeout_s=WAIT_S)
        assert player.transport == "websocket", "WebRTC waits for a keyframe that it can carry"
        house.source.encode_as("vp8")
        await until(lambda: player.transport == "webrtc", "WebRTC", timeout_s=WAIT_S)
        await until(lambda: len(browser.frames) > 3, "pictures over WebRTC", timeout_s=WAIT_S)
        assert player.of(VideoConfig)[-1].codec == "vp8"
        # Others decide: the picture goes on by the path that takes what is encoded now.
        before = len(player.pictures)
        house.source.encode_as("h264")
        await until(lambda: len(player.pictures) > before + 5, "pictures over the WebSocket", timeout_s=WAIT_S)
        assert player.pictures[before].is_keyframe
    finally:
        await browser.close()


async def watch(house: House, *unknown: str) -> tuple[Viewer, Player]:
    """A standard player that offers, and knows nothing of some codecs."""
    player = Player()
    viewer = await house.dial()
    offer = without(await player.offer("video"), *unknown)
    await viewer.say(Watch(version=SIGNALING_VERSION, ticket=ticket("viewer"), sdp=offer))
    return viewer, player


async def test_a_player_that_takes_vp8_alone_is_heard_and_gets_it(open_house: OpenHouse) -> None:
    house = await open_house(settings=QUICK)
    viewer, browser = await watch(house, "H264", "VP9", "AV1")
    try:
        await until(lambda: house.source.codec.takes == {"vp8"}, "what it takes", timeout_s=WAIT_S)
        house.source.encode_as("vp8")
        await until(lambda: bool(viewer.of(Description)), "the answer", timeout_s=WAIT_S)
        await browser.take(viewer.of(Description)[0].sdp)
        await until(lambda: len(browser.frames) >= 5, "pictures", timeout_s=WAIT_S)
    finally:
        await browser.close()


async def test_a_player_that_takes_nothing_that_others_do_is_told_so(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offered, "UNFIT_DEADLINE_S", 0.3)
    house = await open_house(settings=QUICK)
    player = await house.visit("player")
    viewer, browser = await watch(house, "H264", "VP9", "AV1")
    try:
        await until(lambda: bool(viewer.of(Description)), "the answer", timeout_s=WAIT_S)
        await browser.take(viewer.of(Description)[0].sdp)
        await until(lambda: viewer.close_code == UNAVAILABLE, "the end", timeout_s=WAIT_S)
        assert "take no VP8" in viewer.of(Notice)[-1].message
        assert house.source.codec.takes == {"h264"}, "the player's pictures stay what they are"
        count = len(player.pictures)
        await until(lambda: len(player.pictures) > count + 5, "the player's pictures", timeout_s=WAIT_S)
    finally:
        await browser.close()
