"""Pictures by way of a TURN server (coturn), for a browser that has no other way, with credentials of a session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection
from packages.stream.tests.hub.conftest import until
from packages.stream.tests.hub.pictures import X264Source
from packages.stream.tests.hub.webrtc_browser import Browser
from tests.coturn import WAIT_S, coturn

from dillinger_contracts.ice import IceServer, MediaAccess, turn_credentials
from dillinger_contracts.signaling import Description
from dillinger_stream.choose import WebRtcState
from dillinger_stream.transport.webrtc import WebRtcTransport


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A TURN server's URL and its secret."""
    with coturn(tmp_path) as found:
        yield found


class RelayedBrowser(Browser):
    """It has no way but by its TURN server."""

    def __init__(self, server: IceServer) -> None:
        super().__init__()
        self.pc = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[RTCIceServer([*server.urls], server.username, server.credential)],
                iceTransportPolicy=RTCIceTransportPolicy.RELAY,
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self.pc.on("datachannel", lambda channel: self.channels.update({channel.label: channel}))
        self.pc.on("track", self._on_track)


def server_of(url: str, secret: str, *, lasts: timedelta) -> IceServer:
    username, credential = turn_credentials(secret, "a" * 20, expires_at=datetime.now(UTC) + lasts)
    return IceServer(urls=(url,), username=username, credential=credential)


async def test_pictures_reach_a_browser_by_a_relay_alone(turn: tuple[str, str]) -> None:
    server = server_of(*turn, lasts=timedelta(minutes=5))
    states: list[WebRtcState] = []
    transport = WebRtcTransport(
        has_sound=False, access=MediaAccess(servers=(server,)), on_input=lambda *_: None, on_state=states.append
    )
    browser, source = RelayedBrowser(server), X264Source()
    try:
        offer = (await transport.offer()).sdp
        assert "typ relay" in offer and "typ host" in offer
        answer = await browser.answer(offer)
        assert "typ relay" in answer and "typ host" not in answer
        await transport.negotiate(Description(kind="answer", sdp=answer))
        await until(lambda: states[:1] == [WebRtcState.OPEN], "the connection", timeout_s=WAIT_S)

        def is_shown() -> bool:
            transport.push(source.unit())
            return len(browser.frames) >= 5

        await until(is_shown, "five pictures", timeout_s=WAIT_S)
    finally:
        await browser.close()
        await transport.close()


async def test_credentials_that_are_over_or_of_another_secret_get_no_relay(turn: tuple[str, str]) -> None:
    url, secret = turn
    for server in (
        server_of(url, secret, lasts=-timedelta(minutes=1)),
        server_of(url, secret[::-1] + "x", lasts=timedelta(minutes=5)),
    ):
        transport = WebRtcTransport(
            has_sound=False, access=MediaAccess(servers=(server,)), on_input=lambda *_: None, on_state=lambda _: None
        )
        offer = (await transport.offer()).sdp
        await transport.close()
        assert "typ relay" not in offer and "typ host" in offer
