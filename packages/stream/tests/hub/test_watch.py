"""Standard players that watch: they offer, the hub answers, and pictures come; what they may not, they may not."""

from __future__ import annotations

import random
import re
from contextlib import AsyncExitStack

import pytest
from aiortc import RTCSessionDescription
from packages.stream.tests.hub.conftest import House, OpenHouse, Viewer, ticket, until
from packages.stream.tests.hub.webrtc_browser import Browser

from dillinger_contracts.signaling import SIGNALING_VERSION, Candidate, Description, Notice, Ping, Watch, Welcome
from dillinger_stream.errors import WebRtcError
from dillinger_stream.transport import webrtc
from dillinger_stream.transport.descriptions import watched_kinds
from dillinger_stream.transport.webrtc import WebRtcTransport

WAIT_S = 30.0
INVALID, UNAVAILABLE, CONFLICT = 4422, 4503, 4409


class Player(Browser):
    """A WHEP player's WebRTC, by aiortc."""

    async def offer(self, *kinds: str, direction: str = "recvonly") -> str:
        for kind in kinds:
            self.pc.addTransceiver(kind, direction=direction)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def take(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def watch(house: House, offer: str, *, role: str = "viewer") -> Viewer:
    """A conversation that begins with this offer."""
    viewer = await house.dial()
    await viewer.say(Watch(version=SIGNALING_VERSION, ticket=ticket(role), sdp=offer))
    return viewer


@pytest.mark.parametrize("kinds", [("video",), ("video", "audio"), ("audio", "video")], ids="-".join)
async def test_a_player_is_answered_and_shown_pictures(open_house: OpenHouse, kinds: tuple[str, ...]) -> None:
    house, player = await open_house(has_sound=True), Player()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(player.close)
        viewer = await watch(house, await player.offer(*kinds), role="player")
        await until(lambda: bool(viewer.of(Description)), "the answer", timeout_s=WAIT_S)
        answer = viewer.of(Description)[0]
        assert answer.kind == "answer" and "a=sendonly" in answer.sdp
        assert viewer.of(Welcome)[0].role == "viewer", "a player of the standard has no hands, whatever its ticket says"
        await player.take(answer.sdp)
        await until(lambda: len(player.frames) >= 20, "pictures", timeout_s=WAIT_S)
        assert not viewer.pictures and not viewer.sounds, "nothing of it goes over the socket"
        # It ends with its socket.
        await viewer.say({"type": "bye"})
        assert await viewer.closed() == 1000
        await until(lambda: house.hub.peers == 0, "nobody there", timeout_s=WAIT_S)


async def test_a_player_that_goes_without_a_word_is_noticed(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, player = await open_house(), Player()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(player.close)
        viewer = await watch(house, await player.offer("video"))
        await until(lambda: bool(viewer.of(Description)), "the answer", timeout_s=WAIT_S)
        await player.take(viewer.of(Description)[0].sdp)
        await until(lambda: len(player.frames) >= 2, "pictures", timeout_s=WAIT_S)
        monkeypatch.setattr(webrtc, "PLAYER_SILENCE_LIMIT_S", 0.5)
        for protocol in player.receiver("video").transport.transport._connection._protocols:
            protocol.transport.abort()  # as a machine does that loses its power
        await until(lambda: viewer.close_code is not None, "the end", timeout_s=WAIT_S)
        assert viewer.close_code == UNAVAILABLE
        assert "over" in viewer.of(Notice)[-1].message


async def test_offers_that_can_not_be_watched_are_refused_with_a_reason(open_house: OpenHouse) -> None:
    house, player = await open_house(), Player()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(player.close)
        good = await player.offer("video", "audio")
        bad = {
            "recvonly": good.replace("a=recvonly", "a=sendonly"),
            "no data channels": good
            + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n",
            "one bundle": good.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"),
            "one video section": "v=0\r\n",
            "at most 32 candidates": good + 40 * "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n",
            "can't be used": re.sub("H264|VP8|VP9|AV1", "H333", good),
            "offer": good.replace("a=fingerprint", "a=fungerprint").replace("a=ice-pwd", "a=ice-pud"),
        }
        for reason, offer in bad.items():
            viewer = await watch(house, offer)
            assert await viewer.closed() == INVALID, reason
            assert reason in viewer.of(Notice)[-1].message
            assert not viewer.of(Description)
        await until(lambda: house.hub.peers == 0, "nobody there", timeout_s=WAIT_S)


async def test_a_watcher_says_candidates_and_goodbye_only(open_house: OpenHouse) -> None:
    house, player = await open_house(), Player()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(player.close)
        viewer = await watch(house, await player.offer("video"))
        await until(lambda: bool(viewer.of(Description)), "the answer", timeout_s=WAIT_S)
        await viewer.say(Ping(time_ms=1))
        await until(lambda: bool(viewer.of(Notice)), "the refusal")
        assert viewer.of(Notice)[0].code == "conflict"
        await viewer.say(Candidate(candidate="candidate:1 1 udp 2113937151 127.0.0.1 9 typ host"))
        for text in ("nonsense", "x" * 500, "candidate:1 1 udp -1 \0 99999999 typ"):
            await viewer.say(Candidate(candidate=text))
        await until(lambda: len(viewer.of(Notice)) >= 3, "more refusals", timeout_s=WAIT_S)
        await player.take(viewer.of(Description)[0].sdp)
        await until(lambda: len(player.frames) >= 2, "pictures all the same", timeout_s=WAIT_S)


@pytest.mark.parametrize("seed", range(4))
async def test_damaged_offers_are_answered_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    player = Player()
    good = (await player.offer("video", "audio")).splitlines()
    await player.close()
    for _ in range(15):
        lines = list(good)
        for _ in range(chance.randint(1, 4)):
            index = chance.randrange(len(lines))
            cut = lines[index][: chance.randint(0, 12)]
            lines[index] = chance.choice([cut, "m=audio 1 UDP/TLS/RTP/SAVPF x", "a=mid:9", "a=rtpmap:102 H264", ""])
        transport = None
        try:
            transport = WebRtcTransport(
                has_sound=True, offer="\r\n".join(lines), on_input=lambda *_: None, on_state=lambda _: None
            )
            await transport.answer()
        except WebRtcError as error:
            assert str(error)
        finally:
            if transport is not None:
                await transport.close()


def test_the_order_of_an_offer_is_kept() -> None:
    audio, video = (f"m={kind} 9 x 1\r\na=mid:{kind}\r\na=recvonly\r\n" for kind in ("audio", "video"))
    offer = f"v=0\r\na=group:BUNDLE audio video\r\n{audio}{video}"
    assert watched_kinds(offer) == ["audio", "video"]
    with pytest.raises(WebRtcError, match="bundle"):
        watched_kinds(offer.replace("BUNDLE audio video", "BUNDLE video audio"))
