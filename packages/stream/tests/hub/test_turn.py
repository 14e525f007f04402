"""Pictures by way of a TURN server (coturn), for a browser that has no other way, with credentials of a session."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection
from packages.stream.tests.hub.conftest import X264Source, until
from packages.stream.tests.hub.test_transport_webrtc import Browser

from dillinger_contracts.ice import IceServer, MediaAccess, turn_credentials
from dillinger_contracts.signaling import Description
from dillinger_stream.choose import WebRtcState
from dillinger_stream.transport.webrtc import WebRtcTransport

WAIT_S = 30.0
HOST = "127.0.0.1"


def answers(port: int) -> bool:
    """Whether a STUN request is answered there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.settimeout(0.2)
        probe.sendto(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + secrets.token_bytes(12), (HOST, port))
        return probe.recv(100)[:2] == b"\x01\x01"
    return False


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A TURN server's URL and its secret."""
    secret = secrets.token_hex(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    program = shutil.which("turnserver")
    assert program is not None, "turnserver is missing: ./dillinger test installs coturn"
    settings = {
        "listening-ip": HOST, "listening-port": port, "relay-ip": HOST,
        "realm": "dillinger", "static-auth-secret": secret,
        "pidfile": tmp_path / "pid", "db": tmp_path / "db", "log-file": tmp_path / "log",
    }  # fmt: skip
    switches = ("use-auth-secret", "allow-loopback-peers", "no-tls", "no-dtls", "no-cli", "simple-log")
    (tmp_path / "conf").write_text("\n".join([*(f"{name}={value}" for name, value in settings.items()), *switches]))
    with subprocess.Popen([program, "-c", tmp_path / "conf"], stdout=subprocess.DEVNULL) as server:
        try:
            deadline_s = time.monotonic() + WAIT_S
            while not answers(port):
                assert time.monotonic() < deadline_s, "the TURN server does not answer"
            yield f"turn:{HOST}:{port}?transport=udp", secret
        finally:
            server.terminate()


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
