"""The WebRTC transport against a real aiortc peer: what arrives is decoded and compared, pixel for pixel."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aioice.mdns
import av
import numpy as np
import pytest
from aiortc import rtp
from packages.stream.tests.hub.conftest import until
from packages.stream.tests.hub.pictures import Decoder, X264Source
from packages.stream.tests.hub.webrtc_browser import Browser

from dillinger_contracts.input import Key, Move, encode
from dillinger_contracts.signaling import Candidate, Description
from dillinger_stream.choose import WebRtcState
from dillinger_stream.errors import WebRtcError
from dillinger_stream.transport._aiortc import PLAYOUT_DELAY, TRANSPORT_WIDE
from dillinger_stream.transport.webrtc import WebRtcTransport


@asynccontextmanager
async def connected(
    *, has_sound: bool = False, on_input: Callable[[str, Any], None] = lambda channel, message: None,
    is_duplicated: bool = False,
) -> AsyncIterator[tuple[WebRtcTransport, Browser]]:  # fmt: skip
    """A transport and a browser that have found each other."""
    states: list[WebRtcState] = []
    transport = WebRtcTransport(
        has_sound=has_sound, on_input=on_input, on_state=states.append, is_duplicated=lambda: is_duplicated
    )
    browser = Browser()
    try:
        offer = await transport.offer()
        await transport.negotiate(Description(kind="answer", sdp=await browser.answer(offer.sdp)))
        await until(lambda: states == [WebRtcState.OPEN], "the connection")
        await until(lambda: set(browser.channels) == {"input", "motion"}, "the channels")
        yield transport, browser
    finally:
        await browser.close()
        await transport.close()


async def test_pixels_arrive_as_they_were_encoded() -> None:
    source, decoder = X264Source(), Decoder()
    expected: list[Any] = []
    async with connected() as (transport, browser):
        for _ in range(40):
            unit = source.unit()
            expected += decoder.decode(unit.data)
            transport.push(unit)
            await asyncio.sleep(1 / 120)
        await until(lambda: len(browser.frames) >= 30, "thirty pictures")
    for got, wanted in zip(browser.frames[:30], expected, strict=False):
        assert np.array_equal(got, wanted)


async def test_where_packets_go_twice_nobody_has_to_ask_for_lost_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    source, decoder = X264Source(width_px=128, height_px=64, noise=True), Decoder()
    expected: list[Any] = []
    came: set[int] = set()
    lost: set[int] = set()

    async def ask_for_nothing(*_: Any) -> None:
        pass

    async with connected(is_duplicated=True) as (transport, browser):
        receiver = browser.receiver("video")
        take = receiver._handle_rtp_packet

        async def lose_some(packet: rtp.RtpPacket, arrival_time_ms: int) -> None:
            # The first packet tells the receiver where the stream begins.
            if came and packet.ssrc == transport._video_sender._ssrc and packet.sequence_number % 3 == 0:
                lost.add(packet.sequence_number)
            else:
                came.add(packet.sequence_number)
                await take(packet, arrival_time_ms)

        monkeypatch.setattr(receiver, "_handle_rtp_packet", lose_some)
        monkeypatch.setattr(receiver, "_send_rtcp_nack", ask_for_nothing)
        for _ in range(40):
            unit = source.unit()
            expected.extend(decoder.decode(unit.data))
            transport.push(unit)
            await asyncio.sleep(1 / 120)
            # As fast as they come: a sender that is late drops pictures, and nobody here makes a keyframe after that.
            await until(lambda: len(expected) - len(browser.frames) < 8, "the pictures so far", timeout_s=30)
        await until(lambda: len(browser.frames) >= 30, "thirty pictures", timeout_s=30)
    assert len(lost) >= 10
    for got, wanted in zip(browser.frames[:30], expected, strict=False):
        assert np.array_equal(got, wanted)


async def test_offers_two_streams_all_formats_and_no_playout_delay() -> None:
    transport = WebRtcTransport(has_sound=True, on_input=lambda *_: None, on_state=lambda _: None)
    sdp = (await transport.offer()).sdp
    await transport.close()
    streams = {line.split()[0] for line in sdp.splitlines() if line.startswith("a=msid:")}
    assert streams == {"a=msid:picture", "a=msid:sound"}
    assert PLAYOUT_DELAY in sdp
    assert TRANSPORT_WIDE in sdp
    assert "transport-cc" in sdp
    codecs = re.findall(r"a=rtpmap:\d+ (?!rtx)(\w+)/90000", sdp)
    assert codecs[0] == "H264" and set(codecs) == {"H264", "VP8", "VP9", "AV1"}
    assert "typ host" in sdp
    assert "typ srflx" not in sdp


async def test_packets_carry_a_playout_delay_of_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bytes]] = []
    unpack = rtp.unpack_header_extensions

    def note(profile: int, value: bytes) -> list[tuple[int, bytes]]:
        extensions = unpack(profile, value)
        seen.extend(extensions)
        return extensions

    monkeypatch.setattr(rtp, "unpack_header_extensions", note)
    source = X264Source()
    async with connected() as (transport, browser):
        transport.push(source.unit())
        await until(lambda: bool(seen), "a packet")
        number = next(
            int(line.split(":")[1].split()[0])
            for line in browser.pc.remoteDescription.sdp.splitlines()
            if PLAYOUT_DELAY in line
        )
    assert (number, b"\x00\x00\x00") in seen


async def test_a_picture_loss_indication_asks_for_a_keyframe() -> None:
    source = X264Source()
    async with connected() as (transport, browser):
        for _ in range(3):  # aiortc's receiver gives a picture out when the next one begins
            transport.push(source.unit())
        await until(lambda: bool(browser.frames), "a picture")
        feedback = transport.feedback()
        await browser.receiver("video")._send_rtcp_pli(transport._video_sender._ssrc)
        async with asyncio.timeout(30):
            assert (await anext(feedback)).keyframe_wanted


async def test_opus_passes_through() -> None:
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "stereo", 48_000
    tone = (8000 * np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000)).astype(np.int16)
    from dillinger_stream.frames import SoundPacket

    async with connected(has_sound=True) as (transport, browser):
        for number in range(50):
            block = np.repeat(tone[number * 960 : (number + 1) * 960], 2).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, number * 960
            for packet in encoder.encode(frame):
                jittery_ns = number * 20_000_000 + number % 3 * 1_000_000
                transport.push_sound(SoundPacket(bytes(packet), number, jittery_ns, 20.0))
            await asyncio.sleep(0.01)
        await until(lambda: len(browser.sounds) >= 20, "sound")
    samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in browser.sounds[5:]]).astype(float)
    assert 4000 < np.sqrt(np.mean(samples**2)) < 8000
    steps = {later.pts - earlier.pts for earlier, later in zip(browser.sounds, browser.sounds[1:], strict=False)}
    assert steps == {960}, "capture jitter must not reach the receiver's jitter buffer"


async def test_input_comes_over_the_channels() -> None:
    got: list[tuple[str, Any]] = []
    async with connected(on_input=lambda channel, message: got.append((channel, message))) as (_, browser):
        browser.channels["input"].send(encode(Key(code=30, is_down=True)))
        browser.channels["motion"].send(encode(Move(x=1, y=2)))
        await until(lambda: len(got) == 2, "both messages")
        assert not browser.channels["motion"].ordered
        assert browser.channels["motion"].maxRetransmits == 0
    assert ("input", encode(Key(code=30, is_down=True))) in got
    assert ("motion", encode(Move(x=1, y=2))) in got


async def test_latency_and_receiver_reports_are_measured() -> None:
    source = X264Source()
    origin_of: list[int] = []
    async with connected() as (transport, browser):
        router = transport._video_sender
        for number in range(200):
            transport.push(source.unit())
            await asyncio.sleep(1 / 100)
            origin_of.append(router._RTCRtpSender__rtp_timestamp)  # type: ignore[attr-defined]
            transport.shown(origin_of[-1], browser_us=0)
            if number % 50 == 49:
                measure = await transport.measure()
        await until(lambda: bool(browser.frames), "pictures")
        assert measure.samples >= 40
        assert measure.latency_ms_p50 is not None
        assert 5 < measure.latency_ms_p50 < 500
        assert measure.loss_ratio == 0
        transport.shown(12345, browser_us=0)  # nobody's frame
        assert (await transport.measure()).samples == 0


async def test_a_peer_that_fills_the_data_channels_is_cut_off() -> None:
    got: list[Any] = []
    async with connected(on_input=lambda _, message: got.append(message)) as (transport, browser):
        assert browser.pc.sctp is not None
        browser.pc.sctp._remote_max_message_size = 0  # a browser would obey, an attacker would not
        browser.channels["input"].send(b"x" * 8_000_000)
        await until(lambda: transport.state is WebRtcState.BROKEN, "the cut")
    assert got == []


@pytest.mark.parametrize("seed", range(8))
async def test_hostile_answers_end_as_invalid(seed: int) -> None:
    chance = random.Random(seed)
    transport = WebRtcTransport(has_sound=True, on_input=lambda *_: None, on_state=lambda _: None)
    browser = Browser()
    answer = await browser.answer((await transport.offer()).sdp)
    for _ in range(6):
        lines = answer.splitlines()
        for _ in range(chance.randint(1, 6)):
            index = chance.randrange(len(lines))
            cut = lines[index][: chance.randint(0, 9)]
            lines[index] = chance.choice([cut, "m=audio 1 UDP/TLS/RTP/SAVPF x", "a=mid:9"])
        with suppress(WebRtcError):  # nothing else may come out; some damage hits what nobody reads
            await transport.negotiate(Description(kind="answer", sdp="\r\n".join([*lines, "a=ice-pwd"])))
    many = "a=candidate:1 1 udp 1 1.2.3.4 9 typ host\r\n" * 40
    with pytest.raises(WebRtcError):
        await transport.negotiate(Description(kind="answer", sdp=answer + many))
    for text in ("x", "candidate:1 1 udp", "candidate:a b c d e f typ host", "\x00" * 100):
        with pytest.raises(WebRtcError):
            await transport.negotiate(Candidate(candidate=text))
    with pytest.raises(WebRtcError, match="at most"):
        for _ in range(50):
            await transport.negotiate(Candidate(candidate=""))
    await browser.close()
    await transport.close()


async def test_a_browser_that_hides_its_addresses_connects_and_nobody_is_asked_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    questions: list[object] = []

    async def look_up(*asked: object) -> None:
        questions.append(asked)
        raise OSError("nobody answers a multicast")

    monkeypatch.setattr(aioice.mdns, "create_mdns_protocol", look_up)
    states: list[WebRtcState] = []
    transport = WebRtcTransport(has_sound=False, on_input=lambda *_: None, on_state=states.append)
    browser = Browser()
    answer = await browser.answer((await transport.offer()).sdp)
    hidden = re.sub(r"(?m)^(a=candidate:\S+ \S+ \S+ \S+) \S+", r"\1 3b0c5d1e-0000-4000-8000-000000000000.local", answer)
    assert ".local" in hidden
    await transport.negotiate(Description(kind="answer", sdp=hidden))
    await transport.negotiate(Candidate(candidate="candidate:1 1 udp 1 a.local 9 typ host", sdp_mid="0"))
    await until(lambda: states == [WebRtcState.OPEN], "the connection")
    assert not questions
    await browser.close()
    await transport.close()
