"""Standard players watch a session that runs (WHEP), one by aiortc, one by GStreamer: pictures are read by pixels."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.peers.gstreamer import GStreamer
from dillinger_bench.testcard.read import Picture, read
from dillinger_contracts.errors import Unavailable

pytestmark = pytest.mark.browser

WAIT_S = 60.0
PLAYER = Path(__file__).with_name("whep_gstreamer.py")


@pytest.fixture
def running(house: House, explained: list[House]) -> Iterator[tuple[CoreClient, str]]:
    """Somebody's session, and a way to ask core for tickets."""
    explained.append(house)
    with house.client() as client:
        session_id = client.play("testcard-motion")["session_id"]
        client.wait_state(session_id, {"ready", "streaming"}, WAIT_S)
        yield client, session_id
        client.stop(session_id)
        client.wait_state(session_id, {"ended"}, WAIT_S)


def number_of(pixels: bytes, width_px: int, height_px: int) -> int:
    frame = read(Picture(pixels, width_px, height_px)).frame
    assert frame is not None, "a picture that can be read"
    return frame


async def watched(url: str, ticket: str, *, codec: str = "H264") -> list[int]:
    """The numbers of the pictures that a player by aiortc is shown that takes nothing but `codec`."""
    player = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
        try:
            picture = player.addTransceiver("video", direction="recvonly")
            known = RTCRtpSender.getCapabilities("video").codecs
            picture.setCodecPreferences([one for one in known if one.mimeType == f"video/{codec}"])
            video = picture.receiver
            player.addTransceiver("audio", direction="recvonly")
            await player.setLocalDescription(await player.createOffer())
            headers = {"Authorization": f"Bearer {ticket}", "Content-Type": "application/sdp"}
            answer = await http.post(url, content=player.localDescription.sdp, headers=headers)
            assert answer.status_code == 201, answer.text
            replayed = await http.post(url, content=player.localDescription.sdp, headers=headers)
            assert replayed.status_code == 403, "a ticket opens one stream once"
            await player.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            numbers: list[int] = []
            async with asyncio.timeout(WAIT_S):
                while len(numbers) < 10:
                    frame: Any = await video.track.recv()
                    pixels = frame.to_ndarray(format="rgba").tobytes()
                    number = read(Picture(pixels, frame.width, frame.height)).frame
                    if number is not None:  # aiortc shows pictures with holes where a busy machine lost packets
                        numbers.append(number)
            left = await http.delete(httpx2.URL(url).join(answer.headers["location"]), headers=headers)
            assert left.status_code == 200
            return numbers
        finally:
            await player.close()


def test_a_player_by_aiortc_watches(house: House, running: tuple[CoreClient, str]) -> None:
    client, session_id = running
    url = f"{house.core_url}/whep/{session_id}"
    for codec in ("H264", "VP8"):
        ticket = client.ticket(session_id, "viewer")
        with ThreadPoolExecutor(1) as apart:  # Playwright's loop runs on this thread
            numbers = apart.submit(asyncio.run, watched(url, ticket, codec=codec)).result()
        assert numbers == sorted(numbers) and numbers[-1] > numbers[0], "the game goes on in it"
    client.wait_state(session_id, {"ready"}, WAIT_S)  # nobody there any more


@pytest.mark.parametrize("codec", ["H264", "VP8", pytest.param("VP9", marks=pytest.mark.full)])
def test_a_player_by_gstreamer_watches(
    house: House, running: tuple[CoreClient, str], tmp_path: Path, codec: str
) -> None:
    try:
        GStreamer().prepare(print)
    except Unavailable as error:
        pytest.skip(error.message)
    client, session_id = running
    url, ticket = f"{house.core_url}/whep/{session_id}", client.ticket(session_id, "viewer")
    command = ["/usr/bin/python3", str(PLAYER), url, ticket, codec, "30", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=3 * WAIT_S, check=False)
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout.splitlines()[-1])
    assert (seen.get("status"), seen.get("left")) == (201, 200), f"{seen}\n{run.stderr}"
    assert seen["frames"] >= 30, seen
    first, last = (number_of((tmp_path / name).read_bytes(), *seen["size"]) for name in ("first", "last"))
    assert last > first, "the game goes on in it"
