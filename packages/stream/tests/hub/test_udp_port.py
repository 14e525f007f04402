"""One UDP port for all viewers: real WebRTC peers share it, each gets what is its own, and strangers get nothing."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import AsyncExitStack
from typing import Any

import aioice.ice
import pytest
from packages.stream.tests.hub.conftest import until
from packages.stream.tests.hub.pictures import Decoder, X264Source
from packages.stream.tests.hub.webrtc_browser import Browser

from dillinger_bench.ports import everywhere, free_port
from dillinger_contracts.ice import MediaAccess, PortRange
from dillinger_contracts.signaling import Description
from dillinger_stream.choose import WebRtcState
from dillinger_stream.transport.udp_port import UdpPort
from dillinger_stream.transport.webrtc import WebRtcTransport

MAGIC = b"\x21\x12\xa4\x42"


def candidates(sdp: str) -> set[tuple[str, int]]:
    """Address and port of each candidate of an offer."""
    return {(host, int(port)) for host, port in re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", sdp)}


async def open_peer(stack: AsyncExitStack, port: UdpPort, access: MediaAccess) -> tuple[WebRtcTransport, Browser, str]:
    """A transport at `port` and a browser that have found each other, and the offer."""
    states: list[WebRtcState] = []
    transport = WebRtcTransport(
        has_sound=False, port=port, access=access, on_input=lambda *_: None, on_state=states.append
    )
    stack.push_async_callback(transport.close)
    browser = Browser()
    stack.push_async_callback(browser.close)
    offer = (await transport.offer()).sdp
    await transport.negotiate(Description(kind="answer", sdp=await browser.answer(offer)))
    await until(lambda: states[:1] == [WebRtcState.OPEN], "the connection", timeout_s=30)
    return transport, browser, offer


async def test_all_viewers_share_one_port_and_each_gets_its_own_pictures() -> None:
    access = MediaAccess(ports=PortRange.parse(str(free_port(socket.SOCK_DGRAM))))
    assert access.ports is not None
    port = UdpPort(access.ports)
    sizes = ((320, 180), (160, 120))
    async with AsyncExitStack() as stack:
        peers = [await open_peer(stack, port, access) for _ in sizes]
        assert {number for *_, offer in peers for _, number in candidates(offer)} == {access.ports.first}
        for (transport, browser, _), (width_px, height_px) in zip(peers, sizes, strict=True):
            source, decoder = X264Source(width_px=width_px, height_px=height_px), Decoder()
            while len(browser.frames) < 3:
                unit = source.unit()
                decoder.decode(unit.data)
                transport.push(unit)
                await asyncio.sleep(1 / 60)
        for (_, browser, _), (width_px, height_px) in zip(peers, sizes, strict=True):
            assert {frame.shape for frame in browser.frames} == {(height_px * 3 // 2, width_px)}
    async with AsyncExitStack() as stack:  # the only port is to be had again at once
        await open_peer(stack, port, access)


async def test_browsers_are_told_of_the_addresses_that_they_can_reach() -> None:
    for is_behind_nat in (True, False):
        access = MediaAccess(addresses=("198.51.100.7", "2001:db8::7"), is_behind_nat=is_behind_nat)
        port = UdpPort()
        transport = WebRtcTransport(
            has_sound=False, port=port, access=access, on_input=lambda *_: None, on_state=lambda _: None
        )
        told = candidates((await transport.offer()).sdp)
        await transport.close()
        assert set(access.addresses) <= {host for host, _ in told}
        assert (len(told) == len(access.addresses)) == is_behind_nat


async def test_without_a_free_port_there_is_no_offer() -> None:
    with everywhere(0, socket.SOCK_DGRAM) as taken:
        access = MediaAccess(ports=PortRange.parse(str(taken.getsockname()[1])))
        transport = WebRtcTransport(has_sound=False, access=access, on_input=lambda *_: None, on_state=lambda _: None)
        with pytest.raises(OSError, match="port"):
            await transport.offer()
        await transport.close()


class Agent(asyncio.DatagramProtocol):
    """An ICE agent in small: it answers checks that have its password, here the word `good`."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.is_gone = False
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.append(data)
        if data.endswith(b"good"):
            self.transport.sendto(b"\x01\x01\x00\x00" + data[4:20], addr)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True


def check(user: str, word: bytes) -> bytes:
    """A connectivity check for `user`; its length field is not looked at by who sorts it."""
    name = f"{user}:x".encode()
    attribute = b"\x00\x06" + len(name).to_bytes(2, "big") + name + bytes(-len(name) % 4)
    return b"\x00\x01\x00\x00" + MAGIC + b"t" * 12 + attribute + word


async def test_a_stranger_reaches_nobody_and_takes_nobodys_place() -> None:
    port, ann, ben = UdpPort(), Agent(), Agent()
    await port.join("127.0.0.1", "ann", ann)
    await port.join("127.0.0.1", "ben", ben)
    to = ann.transport.get_extra_info("sockname")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as viewer,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        for said in (
            b"\x80 media",
            b"\x16 handshake",
            check("nobody", b"good"),
            b"\x00\x01",
            MAGIC * 9,
            b"",
            b"\x01\x01",
        ):
            stranger.sendto(said, to)
        stranger.sendto(check("ann", b"evil"), to)
        await until(lambda: len(ann.heard) == 1, "the check with the wrong password", timeout_s=30)
        stranger.sendto(b"\x80 media of a stranger", to)
        viewer.sendto(check("ann", b"good"), to)
        await until(lambda: len(ann.heard) == 2, "the viewer's check", timeout_s=30)
        viewer.sendto(check("ben", b"good"), to)  # it is ann's already
        await until(lambda: len(ben.heard) == 1, "the other check", timeout_s=30)
        viewer.sendto(b"\x80 media", to)
        await until(lambda: len(ann.heard) == 3, "the viewer's media", timeout_s=30)
    assert ann.heard == [check("ann", b"evil"), check("ann", b"good"), b"\x80 media"]
    assert ben.heard == [check("ben", b"good")]
    ann.transport.close()
    ben.transport.close()
    await until(lambda: ann.is_gone and ben.is_gone, "both agents' end", timeout_s=30)


async def test_a_viewer_that_has_nothing_but_ipv6_is_shown_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda *_, **__: ["::1"])
    async with AsyncExitStack() as stack:
        transport, browser, offer = await open_peer(stack, UdpPort(), MediaAccess())
        assert {host for host, _ in candidates(offer)} == {"::1"}
        await show(transport, browser, frames=3)


class Router(asyncio.DatagramProtocol):
    """A viewer's router: passes datagrams on from an address of its own, which it may change at any time (NAT)."""

    def __init__(self, seat: tuple[str, int]) -> None:
        self.seat = seat
        self.viewer: Any = None
        self.inside: Any = None
        self.outside: Any = None

    @classmethod
    async def start(cls, seat: tuple[str, int]) -> Router:
        router, loop = cls(seat), asyncio.get_running_loop()
        router.inside, _ = await loop.create_datagram_endpoint(lambda: router, local_addr=("127.0.0.1", 0))
        await router.rebind()
        return router

    async def rebind(self) -> None:
        """What comes to the address that it had is lost from now on."""
        self.close_outside()
        outer, loop = Outside(self), asyncio.get_running_loop()
        self.outside, _ = await loop.create_datagram_endpoint(lambda: outer, local_addr=("127.0.0.1", 0))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.viewer = addr
        self.outside.sendto(data, self.seat)

    def close_outside(self) -> None:
        if self.outside is not None:
            self.outside.abort()

    async def close(self) -> None:
        self.close_outside()
        self.inside.abort()


class Outside(asyncio.DatagramProtocol):
    """A router's other side."""

    def __init__(self, router: Router) -> None:
        self.router = router

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.router.viewer is not None:
            self.router.inside.sendto(data, self.router.viewer)


async def show(transport: WebRtcTransport, browser: Browser, *, frames: int) -> None:
    """Pushes pictures until so many more were shown."""
    source, before = X264Source(), len(browser.frames)

    def are_shown() -> bool:
        transport.push(source.unit())
        return len(browser.frames) >= before + frames

    await until(are_shown, "pictures", timeout_s=30)


async def test_a_viewer_whose_router_gives_it_another_address_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.3)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 1000)  # of a busy machine
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda *_, **__: ["127.0.0.1"])
    states: list[WebRtcState] = []
    async with AsyncExitStack() as stack:
        transport = WebRtcTransport(has_sound=False, on_input=lambda *_: None, on_state=states.append)
        stack.push_async_callback(transport.close)
        browser = Browser()
        stack.push_async_callback(browser.close)
        offer = (await transport.offer()).sdp
        ((host, number),) = candidates(offer)
        router = await Router.start((host, number))
        stack.push_async_callback(router.close)
        inside = router.inside.get_extra_info("sockname")[1]
        answer = await browser.answer(offer.replace(f" {host} {number} typ", f" {host} {inside} typ"))
        hidden = "".join(line for line in answer.splitlines(keepends=True) if not line.startswith("a=candidate"))
        await transport.negotiate(Description(kind="answer", sdp=hidden))
        await until(lambda: states[:1] == [WebRtcState.OPEN], "the connection", timeout_s=30)
        await show(transport, browser, frames=3)
        await router.rebind()
        await show(transport, browser, frames=5)
        assert states == [WebRtcState.OPEN], "and the viewer never knew"
