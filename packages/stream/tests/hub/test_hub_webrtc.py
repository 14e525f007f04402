"""A viewer that has its pictures by WebRTC: to it and back, when it breaks, and what may come over its channels."""

from __future__ import annotations

import time

import pytest
from packages.stream.tests.hub.conftest import OpenHouse, until
from packages.stream.tests.hub.webrtc_browser import watch_webrtc

from dillinger_contracts.input import Key, encode
from dillinger_contracts.signaling import Description, Notice, SetTransport, TransportChosen
from dillinger_stream import choose
from dillinger_stream import peer as peer_module
from dillinger_stream.transport import flow, webrtc


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a connection takes a while, which is no matter here."""
    monkeypatch.setattr(choose, "CONNECT_DEADLINE_S", 60.0)


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """And on such a machine a browser that is silent for a while would count as gone."""
    for limit in ("SILENCE_LIMIT_S", "ACTIVE_SILENCE_LIMIT_S"):
        monkeypatch.setattr(webrtc, limit, 60.0)


@pytest.mark.usefixtures("steady")
async def test_the_viewer_changes_transports_without_a_gap(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit()
    await until(lambda: len(viewer.pictures) > 5, "pictures over the WebSocket")
    await viewer.say(SetTransport(transport="webrtc"))
    browser = await watch_webrtc(viewer)
    await until(lambda: viewer.transport == "webrtc", "WebRTC")
    assert viewer.of(TransportChosen)[-1].reason == "WebRTC, as you chose"
    await until(lambda: len(browser.frames) > 10, "pictures over WebRTC")
    await until(lambda: {"input", "motion"} <= browser.channels.keys(), "the channels")
    before = len(viewer.pictures)
    browser.channels["input"].send(encode(Key(code=30, is_down=True)))
    browser.channels["input"].send(b"garbage")
    browser.channels["motion"].send("text")
    await until(lambda: house.sinks[0].events == [Key(code=30, is_down=True)], "the key")
    assert len(viewer.pictures) == before
    await viewer.say(SetTransport(transport="websocket"))
    await until(lambda: viewer.transport == "websocket", "the WebSocket")
    await until(lambda: len(viewer.pictures) > before + 5, "pictures over the WebSocket")
    assert viewer.pictures[before].is_keyframe
    await browser.close()


async def test_webrtc_that_breaks_is_opened_anew_and_the_websocket_carries_meanwhile(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "STEADY_S", 0.0)
    monkeypatch.setattr(choose, "FIRST_RETRY_S", 600.0)
    house = await open_house()
    viewer = await house.visit(transport="webrtc")
    browser = await watch_webrtc(viewer)
    await until(lambda: viewer.transport == "webrtc", "WebRTC", timeout_s=30)
    for protocol in browser.receiver("video").transport.transport._connection._protocols:
        protocol.transport.abort()  # the network of the viewer's machine is gone
    before = len(viewer.pictures)
    await until(lambda: len(viewer.of(Description)) >= 2, "another offer", timeout_s=30)
    await until(lambda: len(viewer.pictures) > before + 5, "pictures over the WebSocket", timeout_s=30)
    again = await watch_webrtc(viewer)
    await until(lambda: viewer.transport == "webrtc" and len(again.frames) > 3, "pictures over WebRTC", timeout_s=30)
    await browser.close()
    await again.close()


@pytest.mark.usefixtures("steady")
async def test_the_old_path_goes_on_until_the_new_one_has_a_keyframe(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()
    viewer = await house.visit()
    await until(lambda: len(viewer.pictures) > 5, "pictures over the WebSocket", timeout_s=30)
    monkeypatch.setattr(flow, "MARGIN_MS", 60_000.0)  # on a busy machine it may be late, and need a keyframe then, too
    monkeypatch.setattr(house.source, "request_keyframe", lambda: None)
    await viewer.say(SetTransport(transport="webrtc"))
    browser = await watch_webrtc(viewer)
    await until(lambda: browser.pc.connectionState == "connected", "WebRTC", timeout_s=30)
    count = len(viewer.pictures)
    await until(lambda: len(viewer.pictures) > count + 30, "pictures over the WebSocket", timeout_s=30)
    assert viewer.transport == "websocket"
    house.source.resize(320, 180)  # whatever the reason for a keyframe
    await until(lambda: viewer.transport == "webrtc", "the change", timeout_s=30)
    await until(lambda: len(browser.frames) > 3, "pictures over WebRTC", timeout_s=30)
    await browser.close()


@pytest.mark.usefixtures("steady")
async def test_a_flood_over_a_channel_is_dropped_and_keys_are_let_go(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "INPUT_RATE_HZ", 100.0)
    monkeypatch.setattr(peer_module, "INPUT_BURST", 100.0)
    house = await open_house()
    viewer = await house.visit(transport="webrtc")
    viewer.is_showing = False
    browser = await watch_webrtc(viewer)
    await until(lambda: "input" in browser.channels, "the channel")
    started_s = time.monotonic()
    for _ in range(1000):
        browser.channels["input"].send(encode(Key(code=30, is_down=True)))
    await until(lambda: "input_flood" in [notice.code for notice in viewer.of(Notice)], "the notice")
    sink = house.sinks[0]
    await until(lambda: len(sink.events) + sink.releases >= 1000, "the end of the flood")
    assert 50 <= len(sink.events) <= 101 + 100 * (time.monotonic() - started_s)
    assert sink.releases > 0
    await browser.close()


@pytest.mark.usefixtures("steady")
async def test_garbage_over_a_channel_is_told_and_then_closes(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit(transport="webrtc")
    browser = await watch_webrtc(viewer)
    await until(lambda: "input" in browser.channels, "the channel")
    for number in range(20):
        browser.channels["input"].send(b"\xff" * number or "text")
    await until(lambda: viewer.close_code == 4422, "the close")
    assert [notice.level for notice in viewer.of(Notice)][:1] == ["error"]
    assert house.sinks[0].events == []
    await browser.close()


async def test_the_websocket_takes_over_when_webrtc_breaks(open_house: OpenHouse) -> None:
    house = await open_house()
    viewer = await house.visit(transport="webrtc")
    browser = await watch_webrtc(viewer)
    await until(lambda: len(browser.frames) > 5, "pictures over WebRTC")
    before = len(viewer.pictures)
    await browser.close()
    await until(lambda: viewer.transport == "websocket", "the WebSocket")
    assert "broke" in viewer.of(TransportChosen)[-1].reason
    await until(lambda: len(viewer.pictures) > before + 5, "pictures over the WebSocket")
    assert viewer.pictures[before].is_keyframe


async def test_the_websocket_carries_while_webrtc_does_not_connect(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "CONNECT_DEADLINE_S", 1.0)
    house = await open_house()
    viewer = await house.visit(transport="webrtc")
    await until(lambda: bool(viewer.of(Description)), "the offer")
    await until(lambda: len(viewer.pictures) > 5, "pictures meanwhile")
    await until(lambda: "within 1 s" in viewer.of(TransportChosen)[-1].reason, "the verdict")
    assert viewer.transport == "websocket"
